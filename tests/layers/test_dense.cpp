// Dense and the small layers: against loops in double, finite differences, and themselves on other
// threads and kernel levels.
#include <cmath>

#include "pipeline/layers/activation.hpp"
#include "pipeline/layers/check_gradients.hpp"
#include "pipeline/layers/dense.hpp"
#include "pipeline/layers/dropout.hpp"
#include "pipeline/layers/norm.hpp"
#include "pipeline/layers/normalise.hpp"
#include "pipeline/layers/top_k.hpp"
#include "tests/catch.hpp"
#include "tests/layers/conv_support.hpp"

using namespace narrows;
using layers::Layer;

namespace {

constexpr std::size_t rows = 5;

// Gradients by parameter, as the layer hands them to the rule; changes nothing.
class Record final : public layers::UpdateRule {
public:
    int states() const override { return 0; }
    void apply(const layers::UpdateBlock& block) const override {
        std::vector<float>& all = gradients[block.parameter];
        if (all.empty()) all.resize(block.parameter->stored());
        std::copy_n(block.gradient, block.count,
                    all.begin() + static_cast<std::ptrdiff_t>(block.offset));
    }
    mutable std::map<const layers::Parameter*, std::vector<float>> gradients;
};

struct Step {
    std::vector<float> y, dx;
    std::map<std::string, std::vector<float>> gradients;  // canonical
};

// Forward and backward of sum(c * y), and the gradients of all trained parameters.
Step step(Layer& layer, std::size_t outputs, const std::vector<float>& x,
          const std::vector<float>& c, const Loop& loop) {
    Step out;
    out.y.resize(rows * outputs);
    out.dx.resize(x.size());
    std::vector<std::int64_t> ids{3, 1, 4, 15, 92};
    layers::Pass pass;
    pass.loop = &loop;
    pass.phase = Phase::training;
    pass.rows = rows;
    pass.sample_ids = ids;
    std::vector<std::byte> memory(layer.workspace_bytes(rows, true) + 64);
    pass.workspace = memory.data();
    layer.forward(pass, x.data(), out.y.data());
    std::vector<float> dy = c;
    layer.backward(pass, x.data(), out.y.data(), dy.data(), out.dx.data());
    const layers::Trace trace{pass, x.data(), out.y.data(), dy.data()};
    Record record;
    SerialLoop serial;  // the record is not for many threads
    layer.prepare_update({&trace, 1});
    layer.update_layer(serial, {&trace, 1}, record);
    for (layers::Parameter* parameter : layer.parameters()) {
        if (!parameter->trained) continue;
        out.gradients[parameter->name()] = parameter->canonical(record.gradients.at(parameter));
    }
    return out;
}

void check_gradients(Layer& layer, std::int64_t inputs, std::int64_t outputs) {
    layers::GradientCheck check;
    check.rows = rows;
    check.step = 1.0 / 128;
    check.within = 4e-3;
    CHECK(layers::check_gradients(layer, Shape{inputs}, Shape{outputs}, check) == "");
}

std::unique_ptr<layers::Dense> dense(std::int64_t units, const std::string& act) {
    return conv_test::make<layers::Dense>({conv_test::number("units", static_cast<double>(units)),
                                           conv_test::text("act", act),
                                           conv_test::number("alpha", 0.3)});
}

}  // namespace

TEST_CASE("dense is x W + b, whatever its sizes", "[layers]") {
    const auto inputs = static_cast<std::size_t>(GENERATE(1, 7, 33, 130));
    const auto units = static_cast<std::size_t>(GENERATE(1, 31, 32, 65));
    const auto layer = dense(static_cast<std::int64_t>(units), "linear");
    layer->configure(Shape{static_cast<std::int64_t>(inputs)});
    const auto w = conv_test::noise(inputs * units, 3), b = conv_test::noise(units, 4);
    layer->parameters()[0]->set_values(w);
    layer->parameters()[1]->set_values(b);
    const auto x = conv_test::noise(rows * inputs, 5);
    SerialLoop loop;
    const Step out = step(*layer, units, x, std::vector<float>(rows * units, 1.0f), loop);
    for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t j = 0; j < units; ++j) {
            double sum = b[j];
            for (std::size_t i = 0; i < inputs; ++i)
                sum += static_cast<double>(x[r * inputs + i]) * w[i * units + j];
            CHECK(out.y[r * units + j] == Approx(sum).margin(1e-4));
        }
    // The weight's gradient of sum(y) is the sum of x over the rows.
    for (std::size_t i = 0; i < inputs; ++i) {
        double sum = 0;
        for (std::size_t r = 0; r < rows; ++r) sum += static_cast<double>(x[r * inputs + i]);
        CHECK(out.gradients.at("weight")[i * units] == Approx(sum).margin(1e-5));
    }
}

TEST_CASE("gradients of dense agree with finite differences for every activation", "[layers]") {
    const std::string act = GENERATE("linear", "relu", "leaky_relu", "elu", "selu", "gelu",
                                     "sigmoid", "tanh", "softplus");
    INFO(act);
    const auto layer = dense(9, act);
    layer->configure(Shape{11});
    layer->initialise({7, 3});
    // Away from the kink of relu's kin, where a difference has no meaning.
    layer->parameters()[1]->set_values(std::vector<float>(9, 1.7f));
    std::vector<float> small = conv_test::noise(99, 6);
    for (float& value : small) value *= 0.1f;
    layer->parameters()[0]->set_values(small);
    check_gradients(*layer, 11, 9);
}

TEST_CASE("gradients of normalising layers agree with finite differences", "[layers]") {
    layers::BatchNorm batch;
    conv_test::set_all(NARROWS_LAYER(layers::BatchNorm, "batch_norm"), batch, {});
    batch.configure(Shape{4, 3});
    batch.initialise({});
    batch.parameters()[0]->set_values(std::vector<float>{1.5f, 0.5f, -1});
    check_gradients(batch, 12, 12);
    layers::LayerNorm layer;
    conv_test::set_all(NARROWS_LAYER(layers::LayerNorm, "layer_norm"), layer, {});
    layer.configure(Shape{2, 6});
    layer.initialise({});
    layer.parameters()[0]->set_values(std::vector<float>{1, 2, -1, 0.5f, 1.5f, 1});
    check_gradients(layer, 12, 12);
    layers::Normalise normalise;
    conv_test::set_all(NARROWS_LAYER(layers::Normalise, "normalise"), normalise, {});
    normalise.configure(Shape{3});
    normalise.initialise({});
    const std::vector<float> mean{1, 2, 3}, deviation{2, 2, 2};
    normalise.fit(mean, deviation);
    check_gradients(normalise, 3, 3);
}

TEST_CASE("batch norm's output has mean 0 and variance 1, and validation uses the running ones",
          "[layers]") {
    layers::BatchNorm layer;
    conv_test::set_all(NARROWS_LAYER(layers::BatchNorm, "batch_norm"), layer,
                       {conv_test::number("momentum", 1)});
    layer.configure(Shape{3});
    layer.initialise({});
    const auto x = conv_test::noise(rows * 3, 9);
    SerialLoop loop;
    const Step out = step(layer, 3, x, std::vector<float>(rows * 3, 1.0f), loop);
    for (std::size_t c = 0; c < 3; ++c) {
        double mean = 0, square = 0, truth = 0;
        for (std::size_t r = 0; r < rows; ++r) {
            mean += out.y[r * 3 + c] / static_cast<double>(rows);
            square += std::pow(out.y[r * 3 + c], 2) / static_cast<double>(rows);
            truth += x[r * 3 + c] / static_cast<double>(rows);
        }
        CHECK(mean == Approx(0).margin(1e-6));
        CHECK(square == Approx(1).epsilon(1e-3));
        CHECK(layer.parameters()[2]->data()[c] == Approx(truth).margin(1e-6));
    }
    layers::Pass pass;
    pass.loop = &loop;
    pass.phase = Phase::validation;
    pass.rows = 1;
    std::vector<float> y(3);
    layer.forward(pass, layer.parameters()[2]->data(), y.data());  // the running mean itself
    for (const float value : y) CHECK(value == Approx(0).margin(1e-6));
}

TEST_CASE("dropout keeps the mean, repeats itself, and is off outside training", "[layers]") {
    layers::Dropout layer;
    conv_test::set_all(NARROWS_LAYER(layers::Dropout, "dropout"), layer,
                       {conv_test::number("rate", 0.25)});
    layer.configure(Shape{4000});
    SerialLoop loop;
    const std::vector<float> ones(rows * 4000, 1.0f);
    const Step a = step(layer, 4000, ones, ones, loop), b = step(layer, 4000, ones, ones, loop);
    CHECK(a.y == b.y);
    CHECK(a.y == a.dx);
    double sum = 0;
    std::size_t zeros = 0;
    for (const float value : a.y) {
        sum += value;
        zeros += value == 0;
        CHECK((value == 0 || value == Approx(4.0f / 3)));
    }
    CHECK(sum / static_cast<double>(a.y.size()) == Approx(1).margin(0.02));
    CHECK(static_cast<double>(zeros) / static_cast<double>(a.y.size()) ==
          Approx(0.25).margin(0.015));
    layers::Pass pass;
    pass.loop = &loop;
    pass.phase = Phase::streaming;
    pass.rows = rows;
    std::vector<float> y(ones.size());
    layer.forward(pass, ones.data(), y.data());
    CHECK(y == ones);
}

TEST_CASE("top_k keeps exactly k, the first of equals, and their gradients alone", "[layers]") {
    layers::TopK layer;
    conv_test::set_all(NARROWS_LAYER(layers::TopK, "top_k"), layer, {conv_test::number("k", 3)});
    layer.configure(Shape{6});
    const SerialLoop loop;
    layers::Pass pass;
    pass.loop = &loop;
    pass.rows = 2;
    std::vector<std::byte> memory(layer.workspace_bytes(2, true));
    pass.workspace = memory.data();
    const std::vector<float> x{1, 5, 5, 5, 2, 5, -3, -1, -2, -9, -1, -1};
    std::vector<float> y(12), dy(12, 1.0f), dx(12);
    layer.forward(pass, x.data(), y.data());
    CHECK(y == std::vector<float>{0, 5, 5, 5, 0, 0, 0, -1, 0, 0, -1, -1});
    layer.backward(pass, x.data(), y.data(), dy.data(), dx.data());
    CHECK(dx == std::vector<float>{0, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 1});
}

TEST_CASE("a tied pair has one weight, and its gradient is that of both sides", "[layers]") {
    const auto encoder = dense(6, "linear"), decoder = dense(10, "linear");
    encoder->configure(Shape{10});
    decoder->configure(Shape{6});
    encoder->initialise({1, 1});
    REQUIRE(decoder->tie(*encoder));
    CHECK(decoder->parameters().size() == 1);
    const auto w = encoder->parameters()[0]->values();
    const auto x = conv_test::noise(rows * 10, 1), c = conv_test::noise(rows * 10, 2);
    // sum(c * (x W) W^T): dW = x^T (c W) + c^T (x W)
    SerialLoop loop;
    layers::Pass pass;
    pass.loop = &loop;
    pass.phase = Phase::training;
    pass.rows = rows;
    std::vector<float> z(rows * 6), y(rows * 10), dz(rows * 6), dy = c;
    encoder->forward(pass, x.data(), z.data());
    decoder->forward(pass, z.data(), y.data());
    decoder->backward(pass, z.data(), y.data(), dy.data(), dz.data());
    encoder->backward(pass, x.data(), z.data(), dz.data(), nullptr);
    const layers::Trace first{pass, x.data(), z.data(), dz.data()},
        second{pass, z.data(), y.data(), dy.data()};
    encoder->prepare_update({&first, 1});
    decoder->prepare_update({&second, 1});
    Record record;
    encoder->update_layer(loop, {&first, 1}, record);
    std::vector<float> gradient(60);
    simd::unpack(record.gradients.at(encoder->parameters()[0]).data(), 10, 6, gradient.data());
    for (std::size_t i = 0; i < 10; ++i)
        for (std::size_t j = 0; j < 6; ++j) {
            double sum = 0;
            for (std::size_t r = 0; r < rows; ++r) {
                double cw = 0, xw = 0;
                for (std::size_t k = 0; k < 10; ++k) {
                    cw += static_cast<double>(c[r * 10 + k]) * w(k * 6 + j);
                    xw += static_cast<double>(x[r * 10 + k]) * w(k * 6 + j);
                }
                sum += x[r * 10 + i] * cw + c[r * 10 + i] * xw;
            }
            CHECK(gradient[i * 6 + j] == Approx(sum).margin(1e-4));
        }
}

TEST_CASE("loops of any width and all kernel levels give dense the same bits", "[layers]") {
    const auto layer = dense(70, "gelu");
    layer->configure(Shape{90});
    layer->initialise({7, 3});
    const auto x = conv_test::noise(rows * 90, 1), c = conv_test::noise(rows * 70, 2);
    const SerialLoop serial;
    const Step expected = step(*layer, 70, x, c, serial);
    const simd::Level best = simd::kernels().level;
    for (const simd::Level level : simd::available()) {
        REQUIRE(simd::select(level));
        for (const std::size_t threads : {1, 2, 3, 5}) {
            const conv_test::ThreadLoop loop(threads);
            const Step got = step(*layer, 70, x, c, loop);
            CHECK(got.y == expected.y);
            CHECK(got.dx == expected.dx);
            CHECK(got.gradients == expected.gradients);
        }
    }
    simd::select(best);
}
