// ONNX files without ONNX Runtime: what is written comes back as a model that computes the same.
#include "pipeline/exchange/exchange.hpp"
#include "tests/catch.hpp"
#include "tests/model/support.hpp"

using namespace narrows;
using exchange::Part;

namespace {

const model_test::Layers factory;

LayerSpec layer(const char* type,
                std::initializer_list<std::pair<const char*, std::vector<double>>> settings,
                const char* act = nullptr) {
    LayerSpec spec{type, {}, {}};
    for (const auto& [name, values] : settings) {
        Setting setting{name, {}, {}};
        setting.value.integer = static_cast<std::int64_t>(values[0]);
        setting.value.number = values[0];
        setting.value.numbers = values;
        spec.settings.push_back(setting);
    }
    if (act != nullptr) {
        Setting setting{type == std::string("activation") ? "function" : "act", {}, {}};
        setting.value.text = act;
        spec.settings.push_back(setting);
    }
    return spec;
}

std::unique_ptr<model::Autoencoder> encoder_of(std::vector<LayerSpec> layers, const Shape& sample) {
    ModelSpec spec = model_test::spec_of(std::move(layers));
    spec.mirror = false;
    spec.input = sample;
    auto model = model_test::make(spec);
    // Weights that are all different, statistics included.
    std::vector<model::NamedValues> all = model->weights();
    float next = 0.1f;
    for (model::NamedValues& values : all)
        for (float& value : values.values) {
            next = next > 1 ? next - 0.93f : next + 0.137f;
            value = values.name.ends_with("variance") ? next + 0.5f : next - 0.5f;
        }
    model->set_weights(all);
    return model;
}

std::vector<float> codes(const model::Autoencoder& model, std::size_t rows) {
    const SerialLoop loop;
    layers::Pass pass;
    pass.loop = &loop;
    pass.rows = rows;
    const auto features = static_cast<std::size_t>(model.input_shape().elements());
    std::vector<float> x(rows * features);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 37) % 101) / 101;
    if (model.scaling() && !model.scaling()->factor.empty())
        for (std::size_t i = 0; i < x.size(); ++i) {
            const std::size_t at = model.scaling()->factor.size() == 1 ? 0 : i % features;
            x[i] = (x[i] - model.scaling()->shift[at]) * model.scaling()->factor[at];
        }
    std::vector<float> z(rows * static_cast<std::size_t>(model.encoder().output().elements()));
    layers::Floats memory(model.encoder().workspace_bytes(rows, false) / 4 + 16);
    model.encoder().forward(pass, reinterpret_cast<std::byte*>(memory.data()), x.data(), z.data());
    return z;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
    REQUIRE(a.size() == b.size());
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        largest = std::max(largest, std::abs(double{a[i]} - double{b[i]}));
    return largest;
}

template <class Body>
std::string refusal(Body body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    return "accepted";
}

void check_refused(const std::string& file, const exchange::ImportOptions& options,
                   const char* message) {
    const std::string said = refusal([&] { exchange::import_onnx(file, factory, options); });
    INFO(said);
    CHECK(said.find(message) != std::string::npos);
}

void check_round_trip(const model::Autoencoder& model) {
    const std::string bytes = exchange::export_onnx(model, factory, Part::encoder);
    const auto back = exchange::import_onnx(bytes, factory);
    INFO(model.describe() << "\n" << back->describe());
    CHECK(largest_difference(codes(model, 3), codes(*back, 3)) < 1e-5);
}

}  // namespace

TEST_CASE("an exported encoder comes back with the same codes", "[onnx]") {
    using model_test::dense;
    check_round_trip(
        *encoder_of({dense(7, "relu"), dense(5, "gelu"), dense(4, "selu"), dense(3, "tanh"),
                     dense(3, "softplus"), dense(2, "elu"), dense(2, "leaky_relu")},
                    Shape{6}));
    check_round_trip(*encoder_of({layer("conv", {{"units", {4}}, {"stride", {2}}}, "relu"),
                                  layer("batch_norm", {{"momentum", {0.1}}}),
                                  layer("max_pool", {{"size", {2}}, {"ceil", {1}}}),
                                  dense(5, "sigmoid"), layer("batch_norm", {{"momentum", {0.1}}})},
                                 Shape{11, 9, 3}));
    check_round_trip(
        *encoder_of({layer("conv1d", {{"units", {6}}, {"kernel", {5}}, {"groups", {2}}}),
                     layer("activation", {{"alpha", {0}}}, "tanh"),
                     layer("average_pool", {{"size", {3}}}), dense(2)},
                    Shape{12, 4}));
    check_round_trip(
        *encoder_of({dense(24, "relu"), layer("reshape", {{"shape", {3, 4, 2}}}),
                     layer("upsample", {{"factor", {2}}}),
                     layer("conv_transposed", {{"units", {3}}, {"stride", {2}}}, "elu")},
                    Shape{5}));
}

TEST_CASE("scaling goes with the model, there and back", "[onnx]") {
    auto model = encoder_of({model_test::dense(3, "relu")}, Shape{2, 3});
    model::Scaling scaling;
    scaling.kind = "standard";
    SECTION("one pair for all values") {
        scaling.shift = {0.25f};
        scaling.factor = {4};
    }
    SECTION("a pair for each") {
        scaling.shift = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f};
        scaling.factor = {1, 2, 3, 4, 5, 0};
    }
    model->set_scaling(scaling);
    check_round_trip(*model);
}

TEST_CASE("the same model gives the same bytes, and they say what is in them", "[onnx]") {
    const auto model = encoder_of({model_test::dense(3, "relu")}, Shape{4});
    const std::string bytes = exchange::export_onnx(*model, factory, Part::encoder);
    CHECK(bytes == exchange::export_onnx(*model, factory, Part::encoder));
    for (const char* part : {"narrows", "Gemm", "Relu", "encoder.0.weight", "encoder.0.bias"})
        CHECK(bytes.find(part) != std::string::npos);
    CHECK(bytes.find(model->sha256()) != std::string::npos);
    CHECK(refusal([&] { exchange::export_onnx(*model, factory, Part::decoder); }) ==
          "the model has no decoder");
}

TEST_CASE("what cannot be imported is refused by name", "[onnx]") {
    const auto model = encoder_of({model_test::dense(3, "relu"), model_test::dense(2)}, Shape{4});
    const std::string bytes = exchange::export_onnx(*model, factory, Part::encoder);
    const auto with = [&](const std::string& from, const std::string& to) {
        std::string changed = bytes;
        REQUIRE(from.size() == to.size());
        for (std::size_t at = 0; (at = changed.find(from, at)) != std::string::npos;
             at += to.size())
            changed.replace(at, from.size(), to);
        return changed;
    };
    const auto refused = [&](const std::string& file, const char* message) {
        check_refused(file, {}, message);
    };
    refused(with("Relu", "Cosh"), "node \"Cosh_1\" (Cosh): this operator is not read");
    refused(with("encoder.0.bias", "encoder.0.bi?s").substr(0, bytes.size() / 2),
            "not an ONNX file");
    refused("", "not an ONNX file");
    refused("# a text\n", "not an ONNX file");
    exchange::ImportOptions options;
    options.output = "nothing";
    check_refused(bytes, options, "has no tensor \"nothing\"");
    options.output = {};
    options.sample = {5};
    check_refused(bytes, options, "do not fit 5 inputs");
}

TEST_CASE("a decoder can come along, cut at the code", "[onnx]") {
    ModelSpec spec = model_test::spec_of({model_test::dense(6, "relu"), model_test::dense(2)});
    spec.input = Shape{5};
    const auto model = model_test::make(spec);
    const std::string bytes = exchange::export_onnx(*model, factory, Part::model);
    exchange::ImportOptions options;
    options.output = "Gemm_2";
    options.decoder = true;
    const auto back = exchange::import_onnx(bytes, factory, options);
    CHECK(back->code_shape() == model->code_shape());
    std::vector<float> x(15);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) / 7;
    CHECK(largest_difference(model_test::reconstruct(*model, x),
                             model_test::reconstruct(*back, x)) < 1e-5);
}
