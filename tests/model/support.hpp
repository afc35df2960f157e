// A factory over the built-in layers, and models made of a few words.
#pragma once

#include "pipeline/layers/builtin.hpp"
#include "pipeline/model/autoencoder.hpp"
#include "tests/support/parameters.hpp"

namespace model_test {

using namespace narrows;

class Layers final : public Factory {
public:
    std::unique_ptr<Component> create(Kind, std::string_view type,
                                      std::span<const Setting> settings) const override {
        auto component = entry(type).create();
        for (const Parameter& parameter : parameters(type)) {
            parameter.set(*component, parameter.fallback);
            for (const Setting& setting : settings)
                if (setting.name == parameter.name) parameter.set(*component, setting.value);
        }
        return component;
    }
    std::vector<Complete> complete(Kind, std::string_view type,
                                   std::span<const Setting> settings) const override {
        std::vector<Complete> out;
        for (const Parameter& parameter : parameters(type)) {
            out.push_back({std::string(parameter.name), parameter.kind, parameter.fallback});
            for (const Setting& setting : settings)
                if (setting.name == parameter.name) out.back().value = setting.value;
        }
        return out;
    }

private:
    static const Entry& entry(std::string_view type) {
        const PluginInfo& info = layers::builtin_layers();
        for (std::size_t i = 0; i < info.entry_count; ++i)
            if (info.entries[i].type == type) return info.entries[i];
        throw Error(Fault::usage, "no layer type \"" + std::string(type) + "\"");
    }
    static std::vector<Parameter> parameters(std::string_view type) {
        test::Parameters schema;
        entry(type).describe(schema);
        return schema.all;
    }
};

inline LayerSpec dense(std::int64_t units, const std::string& act = "linear") {
    LayerSpec spec;
    spec.type = "dense";
    Setting size{"units", {}, {}}, activation{"act", {}, {}};
    size.value.integer = units;
    activation.value.text = act;
    spec.settings = {size, activation};
    return spec;
}

inline ModelSpec spec_of(std::vector<LayerSpec> encoder, std::vector<LayerSpec> decoder = {}) {
    ModelSpec spec;
    spec.name = "ae";
    spec.encoder = std::move(encoder);
    spec.mirror = decoder.empty();
    spec.decoder = std::move(decoder);
    return spec;
}

// As a registry makes it: with the model type's own settings.
inline std::unique_ptr<model::Autoencoder> make(const ModelSpec& spec, bool tied = false,
                                                const std::string& output = "linear") {
    static const Layers factory;
    auto model = std::make_unique<model::Autoencoder>();
    test::Parameters schema;
    model::Autoencoder::describe(schema);
    for (const Parameter& parameter : schema.all) {
        Value value = parameter.fallback;
        if (parameter.name == "tied") value.flag = tied;
        if (parameter.name == "output") value.text = output;
        parameter.set(*model, value);
    }
    model->build(spec, factory, 1);
    return model;
}

// x through encoder and decoder.
inline std::vector<float> reconstruct(const model::Autoencoder& model,
                                      const std::vector<float>& x) {
    const SerialLoop loop;
    layers::Pass pass;
    pass.loop = &loop;
    pass.rows = x.size() / static_cast<std::size_t>(model.input_shape().elements());
    std::vector<float> z(pass.rows * static_cast<std::size_t>(model.code_shape().elements())),
        y(x.size());
    layers::Floats memory(std::max(model.encoder().workspace_bytes(pass.rows, false),
                                   model.decoder().workspace_bytes(pass.rows, false)) /
                              4 +
                          16);
    auto* workspace = reinterpret_cast<std::byte*>(memory.data());
    model.encoder().forward(pass, workspace, x.data(), z.data());
    model.decoder().forward(pass, workspace, z.data(), y.data());
    return y;
}

}  // namespace model_test
