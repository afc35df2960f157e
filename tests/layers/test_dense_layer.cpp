// The dense layer against plain loops in double and finite differences; its shared weights; its
// bits.
#include "pipeline/layers/activation.hpp"
#include "pipeline/layers/dense.hpp"
#include "tests/layers/layer_bench.hpp"

using namespace layer_test;
using layers::Dense;

namespace {

const std::vector<std::string> activations = {"linear", "relu",    "leaky_relu", "elu",     "selu",
                                              "gelu",   "sigmoid", "tanh",       "softplus"};

std::unique_ptr<Dense> dense(std::int64_t units, const std::string& act = "linear",
                             bool bias = true, double alpha = 0.3) {
    return make<Dense>({number("units", double(units)), text("act", act), number("bias", bias),
                        number("alpha", alpha)});
}

void fill(Layer& layer, unsigned seed) {
    for (layers::Parameter* parameter : layer.parameters())
        parameter->set_values(noise(parameter->count(), seed++));
}

double activated(const std::string& act, double alpha, double z) {
    if (act == "relu") return std::max(0.0, z);
    if (act == "leaky_relu") return z > 0 ? z : alpha * z;
    if (act == "elu") return z > 0 ? z : alpha * std::expm1(z);
    if (act == "selu") return 1.0507009873554805 * (z > 0 ? z : 1.6732632423543772 * std::expm1(z));
    if (act == "gelu") return 0.5 * z * (1 + std::erf(z / std::sqrt(2.0)));
    if (act == "sigmoid") return 1 / (1 + std::exp(-z));
    if (act == "tanh") return std::tanh(z);
    if (act == "softplus") return std::log1p(std::exp(z));
    return z;
}

// x W + b in double, W and b as the layer's parameters show them.
std::vector<double> affine(const Bench& bench, const std::vector<float>& weight,
                           const std::vector<float>& bias) {
    const std::size_t inputs = bench.x.size() / bench.rows, units = bench.y.size() / bench.rows;
    std::vector<double> z(bench.y.size());
    for (std::size_t r = 0; r < bench.rows; ++r)
        for (std::size_t j = 0; j < units; ++j) {
            double sum = bias.empty() ? 0.0 : double(bias[j]);
            for (std::size_t k = 0; k < inputs; ++k)
                sum += double(bench.x[r * inputs + k]) * double(weight[k * units + j]);
            z[r * units + j] = sum;
        }
    return z;
}

void check_close(const std::vector<float>& got, const std::vector<double>& expected,
                 double within) {
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
        INFO(i << ": " << got[i] << " for " << expected[i]);
        REQUIRE(std::abs(double(got[i]) - expected[i]) <= within * (1 + std::abs(expected[i])));
    }
}

// sums [inputs, units] += x^T dz; turned: [units, inputs].
void add_gradient(std::vector<double>& sums, const Bench& bench, bool turned) {
    const std::size_t in = bench.x.size() / bench.rows, out = bench.dz.size() / bench.rows;
    for (std::size_t r = 0; r < bench.rows; ++r)
        for (std::size_t k = 0; k < in; ++k)
            for (std::size_t j = 0; j < out; ++j)
                sums[turned ? j * in + k : k * out + j] +=
                    double(bench.x[r * in + k]) * double(bench.dz[r * out + j]);
}

}  // namespace

TEST_CASE("a dense layer computes act(x W + b) of a plain loop", "[dense]") {
    for (const std::string& act : activations)
        for (const bool bias : {true, false}) {
            INFO(act << " bias " << bias);
            const auto layer = dense(37, act, bias);
            const Shape in{5, 7, 2}, out = layer->configure(in);
            REQUIRE(out == Shape{37});
            REQUIRE(layer->parameters().size() == (bias ? 2 : 1));
            fill(*layer, 11);
            Bench bench(*layer, in, out, 9);
            const std::vector<double> z =
                affine(bench, values_of(*layer->parameters()[0]),
                       bias ? values_of(*layer->parameters()[1]) : std::vector<float>{});
            std::vector<double> y;
            for (const double value : z) y.push_back(activated(act, 0.3, value));

            bench.forward();
            check_close(bench.y, y, 4e-6);
            const std::vector<float> training = bench.y;
            bench.pass.phase = Phase::streaming;
            bench.pass.workspace = nullptr;  // none is asked for outside training
            REQUIRE(layer->workspace_bytes(9, false) == 0);
            bench.forward();
            CHECK(same_bits(bench.y, training));
            bench.pass.skip_activation = true;
            bench.forward();
            check_close(bench.y, z, 4e-6);
        }
}

TEST_CASE("a dense layer's gradients are the differences of its output", "[dense]") {
    for (const std::string& act : activations) {
        INFO(act);
        const auto layer = dense(7, act);
        const Shape out = layer->configure({11});
        fill(*layer, 21);
        Bench bench(*layer, {11}, out, 5, 5);
        check_differences(bench, 2e-3, 2e-3);
    }
}

TEST_CASE("an activation layer's gradients are the differences of its output", "[dense]") {
    for (const std::string& act : activations) {
        INFO(act);
        const auto layer =
            make<layers::ActivationLayer>({text("function", act), number("alpha", 0.3)});
        REQUIRE(layer->configure({3, 9}) == Shape{3, 9});
        Bench bench(*layer, {3, 9}, {3, 9}, 4);
        bench.forward();
        for (std::size_t i = 0; i < bench.x.size(); ++i)
            REQUIRE(double(bench.y[i]) ==
                    Approx(activated(act, 0.3, double(bench.x[i]))).margin(1e-6));
        check_differences(bench, 2e-3, 2e-3);
        // Without the activation both directions pass through.
        bench.pass.skip_activation = true;
        bench.forward();
        bench.backward();
        CHECK(same_bits(bench.y, bench.x));
        CHECK(same_bits(bench.dx, bench.weight_of_y));
    }
}

TEST_CASE("skipping the activation gives the gradient before it", "[dense]") {
    const auto layer = dense(6, "sigmoid"), plain = dense(6);
    const Shape out = layer->configure({10});
    plain->configure({10});
    fill(*layer, 3);
    fill(*plain, 3);
    Bench skipping(*layer, {10}, out, 4), linear(*plain, {10}, out, 4);
    skipping.pass.skip_activation = true;
    for (Bench* bench : {&skipping, &linear}) {
        bench->forward();
        bench->backward();
    }
    CHECK(same_bits(skipping.y, linear.y));
    CHECK(same_bits(skipping.dz, linear.dz));
    CHECK(same_bits(skipping.dx, linear.dx));
}

TEST_CASE("tile by tile, a dense layer's update is the whole gradient's", "[dense]") {
    // Several panels and chunks of rows, none of them full; one and three batches a step.
    const Shape in{205};
    for (const std::size_t cut : {1u, 3u}) {
        INFO(cut << " batches");
        const auto layer = dense(70, "gelu");
        const Shape out = layer->configure(in);
        layer->parameters()[0]->keep_transposed();
        const Step step = train_step(*layer, in, out, 10, SerialLoop{}, cut);

        const auto same = dense(70, "gelu");
        same->configure(in);
        for (std::size_t p = 0; p < 2; ++p) same->parameters()[p]->set_values(step.weights[p]);
        Bench bench(*same, in, out, 10);
        bench.x = step.x;
        bench.weight_of_y = step.dy;
        bench.forward();
        bench.backward();
        std::vector<double> weight(205 * 70), bias(70);
        for (std::size_t r = 0; r < 10; ++r)
            for (std::size_t j = 0; j < 70; ++j) {
                const double dz = bench.dz[r * 70 + j];
                bias[j] += dz;
                for (std::size_t k = 0; k < 205; ++k)
                    weight[k * 70 + j] += double(bench.x[r * 205 + k]) * dz;
            }
        check_close(step.gradients[0], weight, 3e-6);
        check_close(step.gradients[1], bias, 3e-6);
        for (std::size_t p = 0; p < 2; ++p)
            for (std::size_t i = 0; i < step.weights[p].size(); ++i)
                REQUIRE(step.updated[p][i] == step.weights[p][i] - 0.01f * step.gradients[p][i]);

        // The packed transpose went along.
        std::vector<float> transposed(simd::panels_size(70, 205));
        simd::pack_transposed(step.updated[0].data(), 205, 70, transposed.data());
        const layers::Parameter& parameter = *layer->parameters()[0];
        CHECK(std::equal(transposed.begin(), transposed.end(), parameter.transposed()));
    }
}

// Such rows are copied before the weight gradient reads them.
TEST_CASE("layers of whole pages have the gradient of plain sums, tied ones too", "[dense]") {
    const auto level = simd::kernels().level;
    constexpr std::size_t wide = 1024, narrow = 512, rows = 20;
    for (const simd::Level other : simd::available())
        for (const bool tied : {false, true}) {
            REQUIRE(simd::select(other));
            INFO(simd::kernels().name << (tied ? " tied" : ""));
            const auto down = dense(narrow, "gelu"), up = dense(wide, "gelu");
            down->configure({wide});
            up->configure({narrow});
            fill(*down, 1);
            if (tied) REQUIRE(up->tie(*down));
            if (!tied) fill(*up, 4);
            Bench first(*down, {wide}, {narrow}, rows, 7);
            Bench second(*up, {narrow}, {wide}, rows, 9);
            for (Bench* bench : {&first, &second}) {
                bench->forward();
                bench->backward();
            }
            const std::vector<layers::Trace> of_first{first.trace()}, of_second{second.trace()};
            down->prepare_update(of_first);
            up->prepare_update(of_second);
            Gradients rule(*down);
            rule.expect(*up);
            down->update_layer(first.serial, of_first, rule);
            up->update_layer(second.serial, of_second, rule);
            std::vector<double> of_down(wide * narrow), of_up(wide * narrow);
            add_gradient(of_down, first, false);
            add_gradient(tied ? of_down : of_up, second, tied);
            check_close(rule.of(*down->parameters()[0]), of_down, 1e-5);
            if (!tied) check_close(rule.of(*up->parameters()[0]), of_up, 1e-5);
        }
    simd::select(level);
}

TEST_CASE("a batch that fits no cache has the gradient of plain sums", "[dense]") {
    constexpr std::size_t inputs = 4100, units = 35, rows = 768;
    REQUIRE(Dense::rows_first(rows, inputs));
    const auto layer = dense(units, "tanh");
    layer->configure({inputs});
    fill(*layer, 1);
    Bench bench(*layer, {inputs}, {units}, rows);
    bench.forward();
    bench.backward();
    const std::vector<layers::Trace> traces{bench.trace()};
    layer->prepare_update(traces);
    Gradients rule(*layer);
    layer->update_layer(ThreadLoop(2), traces, rule);
    std::vector<double> gradient(inputs * units);
    add_gradient(gradient, bench, false);
    check_close(rule.of(*layer->parameters()[0]), gradient, 1e-4);
}

TEST_CASE("a frozen parameter of a dense layer stays as it is", "[dense]") {
    for (const std::size_t frozen : {0u, 1u}) {
        const auto layer = dense(5, "tanh");
        const Shape out = layer->configure({6});
        layer->parameters()[frozen]->frozen = true;
        const Step step = train_step(*layer, {6}, out, 4, SerialLoop{});
        CHECK(same_bits(step.updated[frozen], step.weights[frozen]));
        CHECK_FALSE(same_bits(step.updated[1 - frozen], step.weights[1 - frozen]));
    }
}

TEST_CASE("tied dense layers share one weight and its gradient of both sides", "[dense]") {
    const auto down = dense(9, "tanh"), up = dense(14, "sigmoid");
    const Shape wide{14}, narrow{9};
    down->configure(wide);
    up->configure(narrow);
    REQUIRE(up->tie(*down));
    fill(*down, 31);
    REQUIRE(up->parameters().size() == 1);  // the bias
    up->parameters()[0]->set_values(noise(14, 37));
    layers::Parameter& weight = *down->parameters()[0];
    Bench first(*down, wide, narrow, 6, 41), second(*up, narrow, wide, 6, 43);
    const auto run = [&] {
        first.forward();
        second.x = first.y;
        return second.loss();
    };
    run();

    // The borrower multiplies with the transpose.
    const std::vector<float> w = values_of(weight);
    std::vector<float> turned(w.size());
    for (std::size_t k = 0; k < 14; ++k)
        for (std::size_t j = 0; j < 9; ++j) turned[j * 14 + k] = w[k * 9 + j];
    std::vector<double> y = affine(second, turned, values_of(*up->parameters()[0]));
    for (double& value : y) value = activated("sigmoid", 0, value);
    check_close(second.y, y, 4e-6);

    second.backward();
    first.dz = second.dx;
    down->backward(first.pass, first.x.data(), first.y.data(), first.dz.data(), first.dx.data());
    Gradients rule(*down);
    rule.expect(*up);
    const std::vector<layers::Trace> of_first{first.trace()}, of_second{second.trace()};
    down->prepare_update(of_first);
    up->prepare_update(of_second);
    down->update_layer(first.serial, of_first, rule);
    up->update_layer(first.serial, of_second, rule);
    const std::vector<float> gradient = rule.of(weight);
    std::vector<float> values = w;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double slope = difference(2e-3, [&](double by) {
            values[i] = static_cast<float>(double(w[i]) + by);
            weight.set_values(values);
            return run();
        });
        values[i] = w[i];
        INFO("weight " << i);
        REQUIRE(std::abs(slope - double(gradient[i])) < 2e-3 * largest(gradient));
    }

    // Weights that do not fit are refused with both sizes.
    const auto other = dense(13);
    other->configure(narrow);
    CHECK_THROWS_WITH(other->tie(*down), Catch::Contains("9 to 13") && Catch::Contains("14 to 9"));
}

TEST_CASE("dense layers give the same bits for all loops, cuts and kernel levels", "[dense]") {
    const auto level = simd::kernels().level;
    struct Size {
        std::int64_t inputs, units;
        std::size_t rows;
    };
    for (const Size& size : {Size{784, 256, 32}, Size{256, 10, 131}, Size{33, 300, 1},
                             Size{1024, 512, 9}, Size{512, 2048, 18}})
        for (const std::string act : {"relu", "gelu", "softplus"}) {
            INFO(size.inputs << " -> " << size.units << " " << act);
            const auto step = [&](const Loop& loop, std::size_t cut = 1, bool want_dx = true) {
                const auto layer = dense(size.units, act);
                const Shape out = layer->configure({size.inputs});
                return train_step(*layer, {size.inputs}, out, size.rows, loop, cut, want_dx);
            };
            const Step one = step(SerialLoop{});
            const auto same = [&](const Step& other, bool bias = true) {
                CHECK(same_bits(one.y, other.y));
                CHECK(same_bits(one.dx, other.dx));
                CHECK(same_bits(one.updated[0], other.updated[0]));
                if (bias) CHECK(same_bits(one.updated[1], other.updated[1]));
            };
            for (const std::size_t threads : {1u, 2u, 3u, 5u}) same(step(ThreadLoop(threads)));
            same(step(BackwardLoop{}));
            CHECK(same_bits(one.updated[0], step(SerialLoop{}, 1, false).updated[0]));
            if (size.rows > 2) same(step(ThreadLoop(3), 2), false);
            for (const simd::Level other : simd::available()) {
                REQUIRE(simd::select(other));
                same(step(ThreadLoop(2)));
            }
            simd::select(level);
        }
}

TEST_CASE("first weights have the variance of their initialiser", "[dense]") {
    const double in = 300, out = 200;
    const std::vector<std::pair<std::string, double>> kinds = {{"glorot_uniform", 2 / (in + out)},
                                                               {"glorot_normal", 2 / (in + out)},
                                                               {"he_uniform", 2 / in},
                                                               {"he_normal", 2 / in},
                                                               {"lecun_uniform", 1 / in},
                                                               {"lecun_normal", 1 / in},
                                                               {"zeros", 0},
                                                               {"auto", 2 / in}};
    for (const auto& [kind, variance] : kinds) {
        INFO(kind);
        const auto layer =
            make<Dense>({number("units", out), text("act", "relu"), text("init", kind)});
        layer->configure({300});
        layer->initialise({7, 1});
        const std::vector<float> values = values_of(*layer->parameters()[0]);
        double sum = 0, squares = 0;
        for (const float value : values) {
            sum += double(value);
            squares += double(value) * double(value);
        }
        const auto count = double(values.size());
        CHECK(std::abs(sum / count) <= 4 * std::sqrt(variance / count));
        CHECK(squares / count == Approx(variance).epsilon(0.03));
        CHECK(largest(values_of(*layer->parameters()[1])) == 0);
        layer->initialise({8, 1});
        CHECK(same_bits(values, values_of(*layer->parameters()[0])) == (kind == "zeros"));
        layer->initialise({7, 1});
        CHECK(same_bits(values, values_of(*layer->parameters()[0])));
    }
}
