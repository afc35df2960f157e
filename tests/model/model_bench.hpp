// Support for the tests of models: a factory over the built-in layers, specs in few words, and one
// training step. One rule: the factory here knows nothing of the registry; it only follows the
// contract in node.hpp.
#pragma once

#include <cmath>
#include <filesystem>
#include <numeric>

#include "pipeline/layers/builtin.hpp"
#include "pipeline/model/autoencoder.hpp"
#include "pipeline/model/model_file.hpp"
#include "tests/catch.hpp"
#include "tests/layers/conv_support.hpp"
#include "tests/support/loops.hpp"
#include "tests/support/parameters.hpp"

namespace model_bench {

using namespace narrows;
using conv_test::noise;
using conv_test::number;
using conv_test::numbers;
using conv_test::same_bits;
using conv_test::text;
using model::Autoencoder;
using model::Stack;
using test::ThreadLoop;

// ------------------------------------------------------------------------------- factory

// The built-in layers and what a test adds.
class Layers final : public Factory {
public:
    explicit Layers(std::vector<Entry> more = {}) : entries_(std::move(more)) {
        const PluginInfo& info = layers::builtin_layers();
        entries_.insert(entries_.end(), info.entries, info.entries + info.entry_count);
    }
    std::unique_ptr<Component> create(Kind kind, std::string_view type,
                                      std::span<const Setting> settings) const override {
        std::unique_ptr<Component> made = find(kind, type).create();
        for (const Parameter& parameter : parameters(kind, type, settings))
            parameter.set(*made, value_of(parameter, type, settings));
        return made;
    }
    std::vector<Complete> complete(Kind kind, std::string_view type,
                                   std::span<const Setting> settings) const override {
        std::vector<Complete> out;
        for (const Parameter& parameter : parameters(kind, type, settings))
            out.push_back(
                {std::string(parameter.name), parameter.kind, value_of(parameter, type, settings)});
        return out;
    }
    // As if a later version had other defaults.
    std::map<std::string, Value> other_defaults;  // "dense.act"

private:
    const Entry& find(Kind kind, std::string_view type) const {
        for (const Entry& entry : entries_)
            if (entry.kind == kind && entry.type == type) return entry;
        throw Error(Fault::usage, "unknown layer type '" + std::string(type) + "'");
    }
    std::vector<Parameter> parameters(Kind kind, std::string_view type,
                                      std::span<const Setting> settings) const {
        test::Parameters schema;
        find(kind, type).describe(schema);
        for (const Setting& setting : settings)
            if (std::none_of(schema.all.begin(), schema.all.end(),
                             [&](const Parameter& p) { return p.name == setting.name; }))
                throw Error(Fault::usage,
                            std::string(type) + " has no parameter '" + setting.name + "'");
        return schema.all;
    }
    Value value_of(const Parameter& parameter, std::string_view type,
                   std::span<const Setting> settings) const {
        for (const Setting& setting : settings)
            if (setting.name == parameter.name) return setting.value;
        const auto other =
            other_defaults.find(std::string(type) + "." + std::string(parameter.name));
        return other == other_defaults.end() ? parameter.fallback : other->second;
    }
    std::vector<Entry> entries_;
};

inline const Layers& factory() {
    static const Layers layers;
    return layers;
}

// --------------------------------------------------------------------------------- specs

inline LayerSpec layer(std::string type, std::vector<Setting> settings = {},
                       std::uint32_t line = 0) {
    return {std::move(type), std::move(settings), {line, 1, 1}};
}
inline LayerSpec dense(int units, std::string act = "linear", std::uint32_t line = 0) {
    return layer("dense", {number("units", units), text("act", std::move(act))}, line);
}
inline LayerSpec conv(int units, std::string act = "linear", int stride = 2) {
    return layer("conv", {number("units", units), numbers("kernel", {3}),
                          numbers("stride", {double(stride)}), text("act", std::move(act))});
}
inline ModelSpec spec_of(Shape input, std::vector<LayerSpec> encoder,
                         std::vector<LayerSpec> decoder) {
    ModelSpec spec;
    spec.name = "main";
    spec.input = input;
    spec.encoder = std::move(encoder);
    spec.decoder = std::move(decoder);
    return spec;
}
inline ModelSpec mirrored(Shape input, std::vector<LayerSpec> encoder) {
    ModelSpec spec = spec_of(input, std::move(encoder), {});
    spec.mirror = true;
    return spec;
}

// The model type's own parameters are set by whoever makes the model.
inline std::unique_ptr<Autoencoder> build(const ModelSpec& spec, bool tied = false,
                                          const std::string& output = "linear",
                                          std::uint64_t seed = 1, const Factory& with = factory()) {
    auto made = std::make_unique<Autoencoder>();
    test::Parameters schema;
    Autoencoder::describe(schema);
    for (const Parameter& parameter : schema.all) {
        Value value = parameter.fallback;
        if (parameter.name == "tied") value.flag = tied;
        if (parameter.name == "output") value.text = output;
        parameter.set(*made, value);
    }
    made->build(spec, with, seed);
    return made;
}

inline std::string setting_text(const LayerSpec& spec, std::string_view name) {
    for (const Setting& setting : spec.settings)
        if (setting.name == name) return setting.value.text;
    return "none";
}

// ------------------------------------------------------------------------- models at work

inline std::size_t size_of_sample(const Shape& shape) {
    return static_cast<std::size_t>(shape.elements());
}

// One batch through a model, forth and back; its loss is the mean squared error to `target`.
struct Batch {
    Batch(Autoencoder& of, std::vector<float> samples, const Loop& on)
        : model(of),
          x(std::move(samples)),
          target(x),
          rows(x.size() / size_of_sample(of.input_shape())),
          code(rows * size_of_sample(of.code_shape())),
          y(x.size()),
          dy(x.size()),
          d_code(code.size()),
          ids(rows),
          first(of.encoder().workspace_bytes(rows, true)),
          second(of.decoder().workspace_bytes(rows, true)) {
        std::iota(ids.begin(), ids.end(), 0);
        pass.loop = &on;
        pass.phase = Phase::training;
        pass.rows = rows;
        pass.sample_ids = ids;
        pass.key = {3, 4};
    }
    double forward() {
        model.encoder().forward(pass, first.data, x.data(), code.data());
        model.decoder().forward(pass, second.data, code.data(), y.data());
        return simd::kernels().squared_error(y.data(), target.data(),
                                             1.0f / static_cast<float>(y.size()), dy.data(),
                                             y.size()) /
               static_cast<double>(y.size());
    }
    void backward() {
        model.decoder().backward(pass, second.data, code.data(), y.data(), dy.data(),
                                 d_code.data());
        model.encoder().backward(pass, first.data, x.data(), code.data(), d_code.data(), nullptr);
    }

    Autoencoder& model;
    std::vector<float> x, target;
    std::size_t rows;
    std::vector<float> code, y, dy, d_code;
    std::vector<std::int64_t> ids;
    conv_test::Memory first, second;
    layers::Pass pass;
};

struct Outputs {
    std::vector<float> code, y;
};
// Outside training.
inline Outputs run(const Autoencoder& model, const std::vector<float>& x, const Loop& loop) {
    const std::size_t rows = x.size() / size_of_sample(model.input_shape());
    Outputs out{std::vector<float>(rows * size_of_sample(model.code_shape())),
                std::vector<float>(x.size())};
    conv_test::Memory memory(std::max(model.encoder().workspace_bytes(rows, false),
                                      model.decoder().workspace_bytes(rows, false)));
    std::vector<std::int64_t> ids(rows);
    layers::Pass pass;
    pass.loop = &loop;
    pass.rows = rows;
    pass.sample_ids = ids;
    model.encoder().forward(pass, memory.data, x.data(), out.code.data());
    model.decoder().forward(pass, memory.data, out.code.data(), out.y.data());
    return out;
}

class Adam final : public layers::UpdateRule {
public:
    explicit Adam(float rate, int step) {
        step_.rate = rate;
        step_.correction1 = 1 / (1 - std::pow(step_.beta1, static_cast<float>(step)));
        step_.correction2 = 1 / (1 - std::pow(step_.beta2, static_cast<float>(step)));
    }
    int states() const override { return 2; }
    void apply(const layers::UpdateBlock& block) const override {
        simd::kernels().adam(step_, block.weight, block.gradient, block.state[0], block.state[1],
                             block.count);
    }

private:
    simd::AdamStep step_;
};

// A folder of its own, removed at the end.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "narrows-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
        path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

private:
    std::filesystem::path path_;
};

// "fault|text", or "none".
template <class Action>
std::string error_of(Action action, Position* at = nullptr) {
    try {
        action();
    } catch (const Error& error) {
        if (at) *at = error.position();
        return std::to_string(int(error.fault())) + "|" + error.what();
    }
    return "none";
}

}  // namespace model_bench
