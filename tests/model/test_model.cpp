// What a model is made of: stacks, gradients, errors, first weights.
#include "tests/model/model_bench.hpp"

using namespace model_bench;

namespace {

using Catch::Contains;

// A layer that has no mirror.
class OneWay final : public layers::Layer {
public:
    static void describe(Schema& schema) { schema.summary("passes on"); }
    Shape configure(const Shape& input) override {
        size_ = size_of_sample(input);
        return input;
    }
    void forward(const layers::Pass& pass, const float* x, float* y) override {
        std::copy_n(x, pass.rows * size_, y);
    }
    void backward(const layers::Pass& pass, const float*, const float*, float* dy,
                  float* dx) override {
        if (dx) std::copy_n(dy, pass.rows * size_, dx);
    }
    std::string describe() const override { return "one way"; }

private:
    std::size_t size_ = 0;
};

}  // namespace

TEST_CASE("a model computes its layers one after the other", "[model]") {
    const auto model = build(
        spec_of({4, 3}, {dense(7, "relu"), dense(2)}, {dense(5, "tanh"), dense(12, "sigmoid")}));
    REQUIRE(model->configured());
    CHECK(model->input_shape() == Shape{4, 3});
    CHECK(model->code_shape() == Shape{2});
    CHECK(model->parameter_count() == 12 * 7 + 7 + 7 * 2 + 2 + 2 * 5 + 5 + 5 * 12 + 12);
    CHECK(model->describe() ==
          "[4, 3] -> dense 7 relu -> dense 2 | dense 5 tanh -> dense 12 sigmoid");

    const std::vector<model::NamedValues> weights = model->weights();
    REQUIRE(weights.size() == 8);
    CHECK(weights[0].name == "encoder.0.weight");
    CHECK(weights[3].name == "encoder.1.bias");
    CHECK(weights[6].name == "decoder.1.weight");
    CHECK(weights[6].shape == Shape{5, 12});

    const std::vector<float> x = noise(6 * 12, 1);
    const Outputs got = run(*model, x, SerialLoop{});
    std::vector<double> values(x.begin(), x.end());
    for (std::size_t l = 0; l < 4; ++l) {
        const model::NamedValues& w = weights[2 * l];
        const auto in = std::size_t(w.shape[0]), out = std::size_t(w.shape[1]);
        std::vector<double> next(6 * out);
        for (std::size_t r = 0; r < 6; ++r)
            for (std::size_t j = 0; j < out; ++j) {
                double z = double(weights[2 * l + 1].values(j));
                for (std::size_t k = 0; k < in; ++k)
                    z += values[r * in + k] * double(w.values(k * out + j));
                next[r * out + j] = l == 0   ? std::max(0.0, z)
                                    : l == 2 ? std::tanh(z)
                                    : l == 3 ? 1 / (1 + std::exp(-z))
                                             : z;
            }
        values = next;
        const std::vector<float>& here = l == 1 ? got.code : got.y;
        if (l == 1 || l == 3)
            for (std::size_t i = 0; i < values.size(); ++i)
                REQUIRE(double(here[i]) == Approx(values[i]).margin(1e-6));
    }
}

TEST_CASE("training and streaming give the same outputs, and a sample the same in any batch",
          "[model]") {
    const auto model = build(mirrored({12, 10, 2}, {conv(6, "gelu"), conv(8, "relu"), dense(9)}));
    const std::vector<float> x = noise(7 * 240, 4);
    const Outputs all = run(*model, x, SerialLoop{});
    ThreadLoop threads(3);
    Batch batch(*model, x, threads);
    batch.forward();
    CHECK(same_bits(batch.code, all.code));
    CHECK(same_bits(batch.y, all.y));
    const std::vector<float> last(x.end() - 240, x.end());
    const Outputs one = run(*model, last, threads);
    CHECK(std::equal(one.y.begin(), one.y.end(), all.y.end() - 240));
}

TEST_CASE("the gradient of a whole model is the difference of its loss", "[model]") {
    const std::vector<LayerSpec> layers = {layer("reshape", {numbers("shape", {6, 5, 1})}),
                                           conv(4, "tanh"),
                                           layer("batch_norm"),
                                           dense(8, "gelu"),
                                           layer("layer_norm"),
                                           dense(3)};
    const std::vector<LayerSpec> plain = {dense(8, "tanh"), dense(5, "gelu")};
    const std::vector<LayerSpec> convolutions = {layer("reshape", {numbers("shape", {6, 5, 1})}),
                                                 conv(4, "tanh", 1), conv(9, "tanh"),
                                                 conv(3, "gelu")};
    // Rounded up by the pooling, doubled to 4 x 4 and 8 x 8, cut by windows without padding.
    const auto unpadded = [](int units, std::vector<double> padding) {
        return layer("conv", {number("units", units), numbers("kernel", {3}),
                              numbers("padding", std::move(padding)), text("act", "tanh")});
    };
    const ModelSpec pooled =
        spec_of({6, 5},
                {conv(4, "tanh", 1), layer("max_pool", {numbers("size", {2}), number("ceil", 1)}),
                 conv(3, "tanh", 1), layer("max_pool", {numbers("size", {2}), number("ceil", 1)})},
                {conv(3, "tanh", 1), layer("upsample", {numbers("factor", {2})}),
                 conv(4, "tanh", 1), layer("upsample", {numbers("factor", {2})}),
                 unpadded(2, {0, 0, 1, 0}), unpadded(1, {1, 1, 0, 0})});
    struct Built {
        const char* name;
        std::unique_ptr<Autoencoder> model;
        float h = 4e-3f;    // small where a maximum may move to another element
        unsigned seed = 2;  // of the data: no two elements of a window nearly equal
    };
    Built all[] = {{"mixed", build(mirrored({30}, layers), false, "sigmoid")},
                   {"tied", build(mirrored({30}, plain), true, "sigmoid")},
                   {"tied convolutions", build(mirrored({30}, convolutions), true, "sigmoid")},
                   {"pooled", build(pooled), 2.5e-4f, 3}};
    for (const Built& built : all) {
        INFO(built.name);
        const auto& model = built.model;
        SerialLoop loop;
        Batch batch(*model, noise(5 * 30, built.seed), loop);
        const auto loss = [&] {
            batch.forward();
            double sum = 0;
            for (std::size_t i = 0; i < batch.y.size(); ++i) {
                const double d = double(batch.y[i]) - double(batch.target[i]);
                sum += d * d;
            }
            return sum / double(batch.y.size());
        };
        batch.forward();
        batch.backward();
        conv_test::Record rule(0.0f);
        const std::vector<layers::Parameter*> parameters = model->parameters();
        for (layers::Parameter* parameter : parameters) rule.expect(*parameter);
        model->update(loop, rule);

        double largest = 0;
        for (layers::Parameter* parameter : parameters)
            for (const float value : rule.of(*parameter))
                largest = std::max(largest, std::abs(double(value)));
        REQUIRE(largest > 1e-3);
        for (layers::Parameter* parameter : parameters) {
            if (!parameter->trained) continue;
            const std::vector<float> gradient = rule.of(*parameter);
            xt::xtensor<float, 1> values = parameter->values();
            for (std::size_t i = 0; i < values.size(); i += 3) {
                const float middle = values(i);
                double side[2];
                for (const int s : {0, 1}) {
                    values(i) = middle + (s ? built.h : -built.h);
                    parameter->set_values({values.data(), values.size()});
                    side[s] = loss();
                }
                values(i) = middle;
                parameter->set_values({values.data(), values.size()});
                INFO(parameter->name() << " " << to_string(parameter->shape()) << " " << i);
                REQUIRE(std::abs((side[1] - side[0]) / (2 * double(built.h)) -
                                 double(gradient[i])) < 3e-3 * largest);
            }
        }
    }
}

TEST_CASE("errors name the model and the layer", "[model]") {
    Position at;
    CHECK_THAT(error_of(
                   [] {
                       build(spec_of({8}, {dense(4), layer("dens", {}, 5)}, {}));
                   },
                   &at),
               Contains("2|model \"main\": ") && Contains("dens"));
    CHECK(at.line == 5);
    CHECK_THAT(
        error_of(
            [] {
                build(spec_of({8}, {dense(4), layer("conv", {number("units", 4)}, 7)}, {dense(8)}));
            },
            &at),
        Contains("model \"main\": encoder layer 1 (conv)"));
    CHECK(at.line == 7);
    CHECK_THAT(
        error_of(
            [] {
                build(spec_of({8}, {dense(4)}, {dense(4), layer("conv", {number("units", 4)}, 9)}));
            },
            &at),
        Contains("model \"main\": decoder layer 1 (conv)"));
    CHECK(at.line == 9);
    CHECK_THAT(error_of(
                   [] {
                       build(spec_of({8}, {dense(4)}, {dense(4), dense(9, "relu", 6)}));
                   },
                   &at),
               Contains("model \"main\"") && Contains("[9]") && Contains("[8]"));
    CHECK(at.line == 6);
    CHECK_THAT(error_of([] { build(spec_of({8}, {}, {dense(8)})); }),
               Contains("model \"main\" has no encoder layers"));

    const Layers more({NARROWS_LAYER(OneWay, "one_way")});
    CHECK_THAT(
        error_of(
            [&] {
                build(mirrored({8}, {dense(4), layer("one_way", {}, 3)}), false, "linear", 1, more);
            },
            &at),
        Contains("layer 1 (one way) cannot be mirrored"));
    CHECK(at.line == 3);

    const auto model = build(mirrored({4, 2}, {dense(4)}));
    CHECK(error_of([&] { model->configure({8}); }) == "none");
    CHECK_THAT(error_of([&] { model->configure({9}); }),
               Contains("[4, 2]") && Contains("[9]") && Contains("(8 values)"));
}

TEST_CASE("a model without an input shape takes that of its first data", "[model]") {
    ModelSpec spec = mirrored({}, {dense(4, "relu"), dense(2)});
    spec.input.reset();
    const auto model = build(spec);
    CHECK_FALSE(model->configured());
    model->configure({3, 5});
    CHECK(model->input_shape() == Shape{3, 5});
    CHECK(model->sha256() == build(mirrored({3, 5}, {dense(4, "relu"), dense(2)}))->sha256());
}

TEST_CASE("each layer of a model draws its own first weights and its own dropout", "[model]") {
    const auto model = build(spec_of({9}, {dense(9), dense(9)}, {dense(9), dense(9)}));
    const std::vector<model::NamedValues> weights = model->weights();
    for (std::size_t i = 0; i < weights.size(); i += 2)
        for (std::size_t j = i; j < weights.size(); j += 2) {
            INFO(weights[i].name << " " << weights[j].name);
            CHECK(weights[i].values(0) != 0);
            CHECK((weights[i].values == weights[j].values) == (i == j));
        }
    ModelSpec renamed = mirrored({9}, {dense(9)});
    const float first = build(renamed)->weights()[0].values(0);
    renamed.name = "other";
    CHECK(build(renamed)->weights()[0].values(0) != first);

    // If both drew the same numbers, half of the values would be left, not a quarter.
    const LayerSpec half = layer("dropout", {number("rate", 0.5)});
    const auto twice = build(spec_of({4000}, {half, half}, {}));
    SerialLoop loop;
    Batch batch(*twice, std::vector<float>(4000, 1.0f), loop);
    batch.forward();
    const auto left = 4000 - std::count(batch.code.begin(), batch.code.end(), 0.0f);
    CHECK(left > 800);
    CHECK(left < 1200);
}
