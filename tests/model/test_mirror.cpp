// Decoders that an encoder implies: mirrored, with its weights transposed.
#include "tests/model/model_bench.hpp"

using namespace model_bench;

namespace {

using Catch::Contains;

std::vector<std::string> acts_of(const Stack& stack) {
    std::vector<std::string> acts;
    for (std::size_t i = 0; i < stack.size(); ++i)
        acts.push_back(
            stack.spec(i).type + " " +
            setting_text(stack.spec(i), stack.spec(i).type == "activation" ? "function" : "act"));
    return acts;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a mirror turns the encoder round, each layer with the activation before it", "[model]") {
    const auto plain = build(
        mirrored({28, 28}, {dense(256, "relu"), dense(64, "tanh"), dense(16, "gelu"), dense(4)}),
        false, "sigmoid");
    CHECK(acts_of(plain->decoder()) ==
          Names{"dense gelu", "dense tanh", "dense relu", "dense sigmoid"});
    CHECK(plain->decoder().output().elements() == 784);
    for (std::size_t i = 0; i < 4; ++i)
        CHECK(plain->decoder().input_of(3 - i).elements() ==
              plain->encoder().input_of(i + 1).elements());

    // Dropout is left out; activations of their own and norms stay in their places.
    const auto mixed = build(mirrored(
        {20}, {dense(10), layer("batch_norm"), layer("activation", {text("function", "selu")}),
               layer("dropout", {number("rate", 0.2)}), dense(3)}));
    CHECK(acts_of(mixed->decoder()) ==
          Names{"dense linear", "activation selu", "batch_norm none", "dense linear"});

    const auto image = build(mirrored({28, 28, 1}, {conv(8, "relu"), conv(16, "gelu"), dense(10)}),
                             false, "sigmoid");
    CHECK(image->decoder().output() == Shape{28, 28, 1});
    const Names acts = acts_of(image->decoder());
    CHECK(acts.front() == "dense gelu");
    CHECK(acts.back() == "conv_transposed sigmoid");
    CHECK(std::count(acts.begin(), acts.end(), "conv_transposed relu") == 1);
    // The dense layer read an image as a vector; the convolution behind it needs the image again.
    CHECK(acts[1] == "reshape none");
    CHECK(image->decoder().input_of(2) == Shape{7, 7, 16});

    // Channels stay channels; nothing stands between two dense layers or behind the last one.
    const auto channels =
        build(mirrored({6, 4}, {layer("batch_norm"), layer("dropout"), dense(3)}));
    CHECK(acts_of(channels->decoder()) == Names{"dense linear", "reshape none", "batch_norm none"});
    CHECK(channels->parameter_count() == 4 + 4 + 24 * 3 + 3 + 3 * 24 + 24 + 4 + 4);
    const auto first = build(mirrored({6, 4}, {layer("dropout"), dense(3)}));
    CHECK(acts_of(first->decoder()) == Names{"dense linear"});
}

TEST_CASE("a tied model has the encoder's weights alone", "[model]") {
    const auto model = build(mirrored({20}, {dense(8, "tanh"), dense(3)}), true);
    Names names;
    for (const model::NamedValues& weight : model->weights()) names.push_back(weight.name);
    CHECK(names == Names{"encoder.0.weight", "encoder.0.bias", "encoder.1.weight", "encoder.1.bias",
                         "decoder.0.bias", "decoder.1.bias"});
    CHECK_THAT(model->describe(), Contains("(tied)"));
    CHECK(model->parameter_count() == 20 * 8 + 8 + 8 * 3 + 3 + 8 + 20);

    CHECK_THAT(error_of([] {
                   build(spec_of({20}, {dense(8)}, {dense(9), dense(20)}), true);
               }),
               Contains("2|") && Contains("8 to 9") && Contains("20 to 8"));
    CHECK_THAT(error_of([] {
                   build(spec_of({20}, {dense(8)}, {dense(20), dense(20)}), true);
               }),
               Contains("model \"main\"") && Contains("decoder layer 1 (dense 20)"));
    CHECK_THAT(error_of([] { build(mirrored({20}, {layer("activation")}), true); }),
               Contains("no layer has weights"));
}

TEST_CASE("tied convolutions have the encoder's weights alone, and only their transposes fit",
          "[model]") {
    const auto model = build(mirrored({9, 8, 2}, {conv(4, "relu"), conv(6, "relu")}), true);
    Names names;
    for (const model::NamedValues& weight : model->weights()) names.push_back(weight.name);
    CHECK(names == Names{"encoder.0.weight", "encoder.0.bias", "encoder.1.weight", "encoder.1.bias",
                         "decoder.0.bias", "decoder.1.bias"});
    CHECK(model->parameter_count() == 9 * 2 * 4 + 4 + 9 * 4 * 6 + 6 + 4 + 2);

    Position at;
    CHECK_THAT(error_of([] {
                   build(spec_of({8, 8, 4}, {conv(4, "relu", 1)}, {conv(4, "linear", 1)}), true);
               }),
               Contains("2|model \"main\"") && Contains("go the same way"));
    const LayerSpec wider =
        layer("conv_transposed", {number("units", 4), numbers("kernel", {5})}, 3);
    CHECK_THAT(error_of(
                   [&] {
                       build(spec_of({8, 8, 4}, {conv(4, "relu", 1)}, {wider}), true);
                   },
                   &at),
               Contains("model \"main\"") && Contains("[100, 4]") && Contains("[36, 4]"));
    CHECK(at.line == 3);
}

TEST_CASE("a tied weight has the gradient of both sides though the decoder's biases are frozen",
          "[model]") {
    for (const bool convolution : {false, true}) {
        const auto gradient = [&](bool frozen) {
            const ModelSpec spec = mirrored({6, 5, 1}, {convolution ? conv(4, "tanh") : dense(4)});
            const auto model = build(spec, true);
            const std::vector<std::string> parts{"decoder"};
            if (frozen) model->choose_trained({}, parts);
            SerialLoop loop;
            Batch batch(*model, noise(5 * 30, 2), loop);
            batch.forward();
            batch.backward();
            conv_test::Record rule(0.0f);
            for (layers::Parameter* parameter : model->parameters()) rule.expect(*parameter);
            model->update(loop, rule);
            return rule.of(*model->parameters()[0]);
        };
        CHECK(gradient(true) == gradient(false));
    }
}
