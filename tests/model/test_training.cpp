// A model's update: clipping, several batches a step, the same bits for all threads, and learning.
#include "tests/model/model_bench.hpp"

using namespace model_bench;

namespace {

// Plain descent with the rule's state as a copy of the gradient that came.
class Descent final : public layers::UpdateRule {
public:
    explicit Descent(float rate) : rate_(rate) {}
    int states() const override { return 1; }
    void apply(const layers::UpdateBlock& block) const override {
        for (std::size_t i = 0; i < block.count; ++i) {
            block.state[0][i] = block.gradient[i];
            block.weight[i] -= rate_ * block.gradient[i];
        }
    }

private:
    float rate_;
};

struct Result {
    double norm = 0;
    std::vector<std::vector<float>> before, after, gradients;  // of trained parameters
    std::string sha;
};

ModelSpec wide() {  // a bias beyond one block of a scaled update
    return mirrored({8, 7, 2}, {conv(5, "tanh"), layer("batch_norm"), dense(300, "gelu"),
                                layer("layer_norm"), dense(4)});
}

Result step(const ModelSpec& spec, bool tied, double max_norm, const Loop& loop,
            std::size_t batches = 2, const char* frozen = nullptr) {
    const auto model = build(spec, tied);
    model->make_states(1);
    Result out;
    const auto values = [&](int which) {
        std::vector<std::vector<float>> all;
        for (layers::Parameter* parameter : model->parameters()) {
            if (!parameter->trained) continue;
            const xt::xtensor<float, 1> one = parameter->values(which);
            all.emplace_back(one.begin(), one.end());
        }
        return all;
    };
    if (frozen)
        for (layers::Parameter* parameter : model->parameters())
            if (parameter->name() == frozen) parameter->frozen = true;
    out.before = values(-1);
    std::vector<std::unique_ptr<Batch>> all;
    for (std::size_t b = 0; b < batches; ++b) {
        all.push_back(std::make_unique<Batch>(
            *model, noise((5 + b) * size_of_sample(model->input_shape()), unsigned(b + 1)), loop));
        all.back()->forward();
    }
    for (const auto& batch : all) batch->backward();
    out.norm = model->update(loop, Descent(0.1f), max_norm);
    out.after = values(-1);
    out.gradients = values(0);
    out.sha = model->sha256();
    return out;
}

double norm_of(const std::vector<std::vector<float>>& gradients) {
    double sum = 0;
    for (const std::vector<float>& gradient : gradients)
        for (const float value : gradient) sum += double(value) * double(value);
    return std::sqrt(sum);
}

}  // namespace

TEST_CASE("clipping scales the whole gradient to the norm that was asked", "[training]") {
    for (const bool tied : {false, true}) {
        INFO("tied " << tied);
        const ModelSpec spec = tied ? mirrored({40}, {dense(300, "tanh"), dense(9)}) : wide();
        SerialLoop loop;
        const Result plain = step(spec, tied, 0, loop);
        const double norm = norm_of(plain.gradients);
        REQUIRE(norm > 1e-3);
        CHECK(plain.norm == 0);

        const Result above = step(spec, tied, 2 * norm, loop);
        CHECK(above.norm == Approx(norm).epsilon(1e-6));
        CHECK(above.sha == plain.sha);  // not touched

        const Result clipped = step(spec, tied, norm / 3, loop);
        CHECK(clipped.norm == Approx(norm).epsilon(1e-6));
        CHECK(norm_of(clipped.gradients) == Approx(norm / 3).epsilon(1e-5));
        for (std::size_t p = 0; p < plain.gradients.size(); ++p)
            for (std::size_t i = 0; i < plain.gradients[p].size(); ++i) {
                INFO("parameter " << p << " value " << i);
                REQUIRE(
                    double(clipped.gradients[p][i]) ==
                    Approx(double(plain.gradients[p][i]) / 3).epsilon(1e-5).margin(1e-9 * norm));
                REQUIRE(clipped.after[p][i] ==
                        clipped.before[p][i] - 0.1f * clipped.gradients[p][i]);
            }

        const Result frozen = step(spec, tied, norm / 1000, loop, 2, "bias");
        CHECK(frozen.norm == Approx(norm_of(step(spec, tied, 0, loop, 2, "bias").gradients)));
        CHECK(frozen.norm < norm);
    }
}

TEST_CASE("clipped and plain updates give the same bits for all threads and kernel levels",
          "[training]") {
    const auto level = simd::kernels().level;
    for (const bool tied : {false, true})
        for (const double max_norm : {0.0, 1e-3}) {
            INFO("tied " << tied << " max_norm " << max_norm);
            const ModelSpec spec = tied ? mirrored({40}, {dense(300, "tanh"), dense(9)}) : wide();
            const Result one = step(spec, tied, max_norm, SerialLoop{});
            for (const std::size_t threads : {2u, 3u, 5u}) {
                const Result other = step(spec, tied, max_norm, ThreadLoop(threads));
                CHECK(other.sha == one.sha);
                CHECK(other.norm == one.norm);
            }
            CHECK(step(spec, tied, max_norm, test::BackwardLoop{}).sha == one.sha);
            for (const simd::Level other : simd::available()) {
                REQUIRE(simd::select(other));
                CHECK(step(spec, tied, max_norm, ThreadLoop(2)).sha == one.sha);
            }
            simd::select(level);
        }
}

TEST_CASE("a relu whose derivative the layer above takes has the bits of one that stands alone",
          "[training]") {
    // The same layers, their activations once in them and once as layers of their own.
    const auto relu = layer("activation", {text("function", "relu")});
    const auto more = [](int units, const char* act) {
        return layer("conv", {number("units", units), numbers("kernel", {3}), text("act", act)});
    };
    const auto up = [](int units, const char* act) {
        return layer("conv_transposed", {number("units", units), numbers("kernel", {3}),
                                         numbers("stride", {2}), text("act", act)});
    };
    const auto shape = layer("reshape", {numbers("shape", {3, 3, 20})});
    const ModelSpec inside =
        spec_of({12, 12, 2},
                {conv(9, "relu"), more(16, "relu"), conv(20, "relu"), dense(30, "relu"), dense(7)},
                {dense(180, "relu"), shape, up(16, "relu"), up(5, "relu"), more(2, "linear")});
    const ModelSpec apart = spec_of(
        {12, 12, 2},
        {conv(9), relu, more(16, "linear"), relu, conv(20), relu, dense(30), relu, dense(7)},
        {dense(180), relu, shape, up(16, "linear"), relu, up(5, "linear"), relu,
         more(2, "linear")});
    SerialLoop loop;
    const auto one = build(inside), other = build(apart);
    const auto from = one->parameters(), to = other->parameters();
    REQUIRE(from.size() == to.size());
    one->make_states(1);
    other->make_states(1);
    for (std::size_t p = 0; p < from.size(); ++p) {
        const xt::xtensor<float, 1> values = from[p]->values();
        to[p]->set_values({values.data(), values.size()});
    }
    for (Autoencoder* model : {one.get(), other.get()}) {
        Batch batch(*model, noise(7 * 288, 3), loop);
        batch.forward();
        batch.backward();
        model->update(loop, Descent(0.1f), 0);
    }
    for (std::size_t p = 0; p < from.size(); ++p) {
        INFO("parameter " << p);
        const xt::xtensor<float, 1> a = from[p]->values(0), b = to[p]->values(0);
        double size = 0;
        for (const float value : a) size += std::abs(double(value));
        CHECK(size > 0);
        CHECK(std::equal(a.begin(), a.end(), b.begin()));
    }
}

TEST_CASE("the gradients of several batches of a step are added", "[training]") {
    const ModelSpec spec = mirrored({6, 6, 1}, {conv(4, "tanh"), dense(40, "gelu"), dense(3)});
    SerialLoop loop;
    const auto gradient_of = [&](std::vector<unsigned> seeds) {
        const auto model = build(spec);
        model->make_states(1);
        std::vector<std::unique_ptr<Batch>> all;
        for (const unsigned seed : seeds) {
            all.push_back(std::make_unique<Batch>(*model, noise(4 * 36, seed), loop));
            all.back()->forward();
            all.back()->backward();
        }
        model->update(loop, Descent(0));
        std::vector<double> values;
        for (const model::NamedValues& state : model->weights(0))
            values.insert(values.end(), state.values.begin(), state.values.end());
        return values;
    };
    const std::vector<double> both = gradient_of({1, 2}), first = gradient_of({1}),
                              second = gradient_of({2});
    for (std::size_t i = 0; i < both.size(); ++i)
        REQUIRE(both[i] == Approx(first[i] + second[i]).margin(1e-7));
}

TEST_CASE("a step begins without the traces of the step before", "[training]") {
    const auto model = build(mirrored({20}, {dense(8, "tanh"), dense(3)}), true);
    model->make_states(1);
    SerialLoop loop;
    const auto gradient = [&] {
        Batch batch(*model, noise(4 * 20, 1), loop);
        batch.forward();
        batch.backward();
        model->update(loop, Descent(0));
        return model->weights(0)[0].values;
    };
    const auto first = gradient(), second = gradient();
    CHECK(std::equal(first.begin(), first.end(), second.begin()));
}

TEST_CASE("a linear autoencoder learns data of rank two with a code of two, not of one",
          "[training]") {
    // 64 samples: two random directions of twelve features.
    const std::vector<float> directions = noise(2 * 12, 21), amounts = noise(64 * 2, 22);
    std::vector<float> x(64 * 12);
    double power = 0;
    for (std::size_t r = 0; r < 64; ++r)
        for (std::size_t i = 0; i < 12; ++i) {
            float& value = x[r * 12 + i];
            value = amounts[2 * r] * directions[i] + amounts[2 * r + 1] * directions[12 + i];
            power += double(value) * double(value) / double(x.size());
        }
    REQUIRE(power > 0.05);
    SerialLoop loop;
    for (const bool tied : {false, true}) {
        const auto loss_with = [&](int code) {
            const auto model = build(mirrored({12}, {dense(code)}), tied);
            model->make_states(2);
            Batch batch(*model, x, loop);
            for (int step = 1; step <= 1500; ++step) {
                batch.forward();
                batch.backward();
                model->update(loop, Adam(step < 1000 ? 0.01f : 0.001f, step));
            }
            return batch.forward();
        };
        INFO("tied " << tied);
        CHECK(loss_with(2) < 1e-5 * power);
        CHECK(loss_with(1) > 0.05 * power);  // one direction is not enough
    }
}
