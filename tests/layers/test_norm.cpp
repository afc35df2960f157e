// Batch and layer normalisation: finite differences, running statistics, bits.
#include "pipeline/layers/norm.hpp"
#include "tests/layers/layer_bench.hpp"

using namespace layer_test;
using layers::BatchNorm;
using layers::LayerNorm;

namespace {

void fill_trained(Layer& layer, unsigned seed) {
    layer.initialise({1, 1});
    for (layers::Parameter* parameter : layer.parameters())
        if (parameter->trained) parameter->set_values(noise(parameter->count(), seed++));
}

layers::Parameter& parameter_of(Layer& layer, std::string_view name) {
    for (layers::Parameter* parameter : layer.parameters())
        if (parameter->name() == name) return *parameter;
    throw std::logic_error("no such parameter");
}

// Mean and biased variance of every channel of [rows, channels].
std::pair<Doubles, Doubles> moments(const std::vector<float>& x, std::size_t channels) {
    const std::size_t rows = x.size() / channels;
    Doubles mean(channels), variance(channels);
    for (std::size_t i = 0; i < x.size(); ++i) mean[i % channels] += double(x[i]) / double(rows);
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double d = double(x[i]) - mean[i % channels];
        variance[i % channels] += d * d / double(rows);
    }
    return {mean, variance};
}

}  // namespace

TEST_CASE("batch norm's gradients are the differences of its output", "[norm]") {
    for (const Shape& in : {Shape{21}, Shape{3, 2, 5}}) {
        INFO(to_string(in));
        const auto layer = make<BatchNorm>({number("epsilon", 1e-3)});
        REQUIRE(layer->configure(in) == in);
        fill_trained(*layer, 3);
        Bench bench(*layer, in, in, 6);
        check_differences(bench, 2e-3, 2e-3);
    }
}

TEST_CASE("outside training too, batch norm's gradient is the difference of its output", "[norm]") {
    const Shape in{3, 2, 5};
    const auto layer = make<BatchNorm>({number("epsilon", 1e-3)});
    layer->configure(in);
    fill_trained(*layer, 3);
    parameter_of(*layer, "running_variance").set_values(std::vector<float>{1, 2, 3, 4, 5});
    Bench bench(*layer, in, in, 6);
    bench.pass.phase = Phase::streaming;
    bench.forward();
    bench.backward();
    for (const std::size_t i : {0u, 7u, 33u, 179u}) {
        const float middle = bench.x[i];
        const double slope = difference(0.01, [&](double by) {
            bench.x[i] = static_cast<float>(middle + by);
            return bench.loss();
        });
        bench.x[i] = middle;
        CHECK(slope == Approx(double(bench.dx[i])).margin(2e-3 * largest(bench.dx)));
    }
}

TEST_CASE("layer norm's gradients are the differences of its output", "[norm]") {
    for (const Shape& in : {Shape{21}, Shape{3, 2, 5}}) {
        INFO(to_string(in));
        const auto layer = make<LayerNorm>({number("epsilon", 1e-3)});
        REQUIRE(layer->configure(in) == in);
        fill_trained(*layer, 3);
        Bench bench(*layer, in, in, 6);
        check_differences(bench, 2e-3, 2e-3);
    }
}

TEST_CASE("training, batch norm uses the batch's mean and variance of each channel", "[norm]") {
    const Shape in{4, 5, 18};
    const auto layer = make<BatchNorm>({number("epsilon", 1e-4)});
    layer->configure(in);
    fill_trained(*layer, 5);
    Bench bench(*layer, in, in, 7);
    bench.forward();

    const auto [mean, variance] = moments(bench.x, 18);
    const std::vector<float> gain = values_of(parameter_of(*layer, "gain"));
    const std::vector<float> shift = values_of(parameter_of(*layer, "shift"));
    for (std::size_t i = 0; i < bench.x.size(); ++i) {
        const std::size_t c = i % 18;
        const double y =
            (double(bench.x[i]) - mean[c]) / std::sqrt(variance[c] + 1e-4) * double(gain[c]) +
            double(shift[c]);
        REQUIRE(double(bench.y[i]) == Approx(y).margin(2e-6));
    }
}

TEST_CASE("batch norm's running statistics follow the batches and serve outside training",
          "[norm]") {
    const Shape in{6};
    const auto layer = make<BatchNorm>({number("momentum", 0.25), number("epsilon", 1e-4)});
    layer->configure(in);
    fill_trained(*layer, 5);
    layers::Parameter& running_mean = parameter_of(*layer, "running_mean");
    layers::Parameter& running_variance = parameter_of(*layer, "running_variance");
    CHECK_FALSE(running_mean.trained);
    CHECK_FALSE(running_variance.trained);

    Doubles mean(6, 0.0), variance(6, 1.0);  // as initialised
    for (const unsigned seed : {1u, 2u, 3u}) {
        Bench bench(*layer, in, in, 8, seed);
        for (std::size_t i = 0; i < bench.x.size(); ++i)
            bench.x[i] = 3 * bench.x[i] + static_cast<float>(i % 6);
        bench.forward();
        const auto [m, v] = moments(bench.x, 6);
        for (std::size_t c = 0; c < 6; ++c) {
            mean[c] += 0.25 * (m[c] - mean[c]);
            variance[c] += 0.25 * (v[c] * 8 / 7 - variance[c]);  // the unbiased one
        }
    }
    const std::vector<float> got_mean = values_of(running_mean);
    const std::vector<float> got_variance = values_of(running_variance);
    for (std::size_t c = 0; c < 6; ++c) {
        CHECK(double(got_mean[c]) == Approx(mean[c]).epsilon(1e-5));
        CHECK(double(got_variance[c]) == Approx(variance[c]).epsilon(1e-5));
    }

    const std::vector<float> gain = values_of(parameter_of(*layer, "gain"));
    const std::vector<float> shift = values_of(parameter_of(*layer, "shift"));
    for (const Phase phase : {Phase::validation, Phase::streaming}) {
        Bench bench(*layer, in, in, 3, 9);
        bench.pass.phase = phase;
        bench.pass.workspace = nullptr;
        bench.forward();
        for (std::size_t i = 0; i < bench.x.size(); ++i) {
            const std::size_t c = i % 6;
            const double y =
                (double(bench.x[i]) - mean[c]) / std::sqrt(variance[c] + 1e-4) * double(gain[c]) +
                double(shift[c]);
            REQUIRE(double(bench.y[i]) == Approx(y).margin(2e-5));
        }
    }
    CHECK(same_bits(values_of(running_mean), got_mean));
    CHECK(same_bits(values_of(running_variance), got_variance));
}

TEST_CASE("layer norm normalises the last axis of a sample in every phase", "[norm]") {
    const Shape in{3, 19};
    const auto layer = make<LayerNorm>({number("epsilon", 1e-4)});
    layer->configure(in);
    fill_trained(*layer, 5);
    Bench bench(*layer, in, in, 4);
    const std::vector<float> gain = values_of(parameter_of(*layer, "gain"));
    const std::vector<float> shift = values_of(parameter_of(*layer, "shift"));
    for (const Phase phase : {Phase::training, Phase::validation, Phase::streaming}) {
        bench.pass.phase = phase;
        bench.forward();
        for (std::size_t at = 0; at < bench.x.size(); at += 19) {
            const std::vector<float> one(bench.x.begin() + long(at),
                                         bench.x.begin() + long(at + 19));
            double mean = 0, variance = 0;
            for (const float value : one) mean += double(value) / 19;
            for (const float value : one)
                variance += (double(value) - mean) * (double(value) - mean) / 19;
            for (std::size_t c = 0; c < 19; ++c) {
                const double y =
                    (double(one[c]) - mean) / std::sqrt(variance + 1e-4) * double(gain[c]) +
                    double(shift[c]);
                REQUIRE(double(bench.y[at + c]) == Approx(y).margin(2e-6));
            }
        }
    }
}

// A rule may ask for the gradient twice (clipping measures first).
TEST_CASE("asking twice for a norm's gradient over several batches gives it twice", "[norm]") {
    const Shape in{3, 5};
    for (const bool batch : {true, false}) {
        INFO((batch ? "batch_norm" : "layer_norm"));
        const std::unique_ptr<Layer> layer =
            batch ? std::unique_ptr<Layer>(make<BatchNorm>({})) : make<LayerNorm>({});
        layer->configure(in);
        fill_trained(*layer, 3);
        std::vector<std::unique_ptr<Bench>> benches;
        std::vector<layers::Trace> traces;
        std::vector<std::vector<float>> alone(2);
        for (const unsigned seed : {1u, 2u, 3u}) {
            benches.push_back(std::make_unique<Bench>(*layer, in, in, 4, seed));
            benches.back()->forward();
            benches.back()->backward();
            traces.push_back(benches.back()->trace());
            Gradients rule(*layer);
            layer->update_layer(SerialLoop{}, std::span(&traces.back(), 1), rule);
            for (std::size_t p = 0; p < 2; ++p) {
                const std::vector<float> gradient = rule.of(*layer->parameters()[p]);
                alone[p].resize(gradient.size());
                for (std::size_t i = 0; i < gradient.size(); ++i) alone[p][i] += gradient[i];
            }
        }
        for (int time = 0; time < 2; ++time) {
            INFO("time " << time);
            Gradients rule(*layer);
            layer->update_layer(SerialLoop{}, traces, rule);
            for (std::size_t p = 0; p < 2; ++p) {
                const std::vector<float> gradient = rule.of(*layer->parameters()[p]);
                for (std::size_t i = 0; i < gradient.size(); ++i)
                    CHECK(double(gradient[i]) == Approx(double(alone[p][i])).margin(1e-5));
            }
        }
    }
}

TEST_CASE("norms give the same bits for all loops and kernel levels", "[norm]") {
    const auto level = simd::kernels().level;
    const Shape in{4, 37};
    for (const bool batch : {true, false}) {
        INFO((batch ? "batch_norm" : "layer_norm"));
        const auto step = [&](const Loop& loop) {
            const std::unique_ptr<Layer> layer =
                batch ? std::unique_ptr<Layer>(make<BatchNorm>({})) : make<LayerNorm>({});
            layer->configure(in);
            return train_step(*layer, in, in, 21, loop);
        };
        const Step one = step(SerialLoop{});
        const auto same = [&](const Step& other) {
            CHECK(same_bits(one.y, other.y));
            CHECK(same_bits(one.dx, other.dx));
            for (std::size_t p = 0; p < one.updated.size(); ++p)
                CHECK(same_bits(one.updated[p], other.updated[p]));
        };
        for (const std::size_t threads : {1u, 2u, 3u, 5u}) same(step(ThreadLoop(threads)));
        same(step(BackwardLoop{}));
        for (const simd::Level other : simd::available()) {
            REQUIRE(simd::select(other));
            same(step(ThreadLoop(2)));
        }
        simd::select(level);
    }
}
