// ONNX files of strangers: read into a model that encodes, or refused.
#include "pipeline/exchange/exchange.hpp"
#include "pipeline/layers/builtin.hpp"
#include "pipeline/registry/registry.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/model/support.hpp"

using namespace narrows;

namespace {

const registry::Registry& known() {
    static const auto layers = [] {
        auto made = std::make_unique<registry::Registry>();
        made->add(layers::builtin_layers());
        return made;
    }();
    return *layers;
}

LayerSpec layer(const char* type, const char* name, std::vector<double> values) {
    Setting setting{name, {}, {}};
    setting.value.integer = static_cast<std::int64_t>(values[0]);
    setting.value.number = values[0];
    setting.value.numbers = std::move(values);
    return {type, {setting}, {}};
}

std::string exported(std::vector<LayerSpec> encoder, const Shape& sample) {
    ModelSpec spec = model_test::spec_of(std::move(encoder));
    spec.mirror = false;
    spec.input = sample;
    model::Autoencoder model;
    model.build(spec, known(), 1);
    return exchange::export_onnx(model, known(), exchange::Part::encoder);
}

}  // namespace

std::vector<std::string> fuzz::seeds() {
    using model_test::dense;
    return {exported({dense(3, "relu"), dense(2, "gelu")}, Shape{5}),
            exported({layer("conv", "units", {2}), layer("batch_norm", "momentum", {0.1}),
                      layer("max_pool", "size", {2}), layer("average_pool", "size", {2}), dense(2)},
                     Shape{8, 8, 2}),
            exported({layer("conv1d", "units", {3}), layer("upsample", "factor", {2}), dense(2)},
                     Shape{6, 2}),
            exported({dense(8),
                      layer("reshape", "shape", {2, 2, 2}),
                      layer("conv_transposed", "units", {2}),
                      {"flatten", {}, {}}},
                     Shape{4})};
}

void fuzz::run(std::string_view input) {
    try {
        exchange::ImportOptions options;
        if (!input.empty() && input.size() % 7 == 0) options.sample = {4};
        const auto model = exchange::import_onnx(input, known(), options);
        const auto in = static_cast<std::size_t>(model->input_shape().elements());
        const auto out = static_cast<std::size_t>(model->code_shape().elements());
        constexpr std::size_t rows = 2, most = 1 << 16;
        if (in > most || out > most || model->encoder().workspace_bytes(rows, false) > (64u << 20))
            return;
        const SerialLoop loop;
        layers::Pass pass;
        pass.loop = &loop;
        pass.rows = rows;
        const std::vector<float> x(rows * in, 0.5f);
        std::vector<float> z(rows * out);
        layers::Floats memory(model->encoder().workspace_bytes(rows, false) / 4 + 16);
        model->encoder().forward(pass, reinterpret_cast<std::byte*>(memory.data()), x.data(),
                                 z.data());
    } catch (const Error&) {
    }
}
