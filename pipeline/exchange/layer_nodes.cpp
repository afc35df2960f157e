#include "pipeline/exchange/layer_nodes.hpp"

#include <algorithm>

#include "pipeline/layers/convolution.hpp"
#include "pipeline/layers/pooling.hpp"
#include "pipeline/layers/settings.hpp"

namespace narrows::exchange {
namespace {

using layers::Axis;
using layers::Windows;
using model::NamedValues;

const Value& setting_of(const LayerSource& source, std::string_view name) {
    for (const Factory::Complete& setting : source.settings)
        if (setting.name == name) return setting.value;
    throw std::logic_error("layer " + source.spec.type + " has no setting " + std::string(name));
}

std::span<const float> span(const NamedValues& values) {
    return {values.values.data(), values.values.size()};
}

std::string constant(GraphWriter& graph, const Weights& weights, const std::string& name) {
    const NamedValues& values = weights.get(name);
    return graph.floats(name, values.shape, span(values));
}

Wire with_gelu(GraphWriter& graph, const Wire& x) {  // x / 2 (1 + erf(x / sqrt 2))
    const auto scalar = [&](const char* name, float value) {
        return graph.floats(name, Shape{}, {&value, 1});
    };
    const std::string inner =
        graph.node("Mul", {x.name, scalar("inverse_root_two", 0.70710678f)}).output();
    const std::string tail =
        graph.node("Add", {graph.node("Erf", {inner}).output(), scalar("one", 1)}).output();
    const std::string twice = graph.node("Mul", {x.name, tail}).output();
    return {graph.node("Mul", {twice, scalar("half", 0.5f)}).output(), x.shape, x.channels_first};
}

Wire with_activation(GraphWriter& graph, const Wire& x, const std::string& name, double alpha) {
    const simd::Activation kind = layers::settings::activation_from(name);
    const float slope = layers::settings::alpha_of(kind, alpha);
    const auto plain = [&](const char* op) { return graph.node(op, {x.name}); };
    const auto done = [&](const NodeWriter& node) -> Wire {
        return {node.output(), x.shape, x.channels_first};
    };
    switch (kind) {
        case simd::Activation::linear:
            return x;
        case simd::Activation::relu:
            return done(plain("Relu"));
        case simd::Activation::leaky_relu:
            return done(plain("LeakyRelu").number("alpha", slope));
        case simd::Activation::elu:
            return done(plain("Elu").number("alpha", slope));
        case simd::Activation::selu:
            return done(plain("Selu"));
        case simd::Activation::gelu:
            return with_gelu(graph, x);
        case simd::Activation::sigmoid:
            return done(plain("Sigmoid"));
        case simd::Activation::tanh:
            return done(plain("Tanh"));
        case simd::Activation::softplus:
            return done(plain("Softplus"));
    }
    return x;
}

Wire with_own_activation(GraphWriter& graph, const Wire& x, const LayerSource& source) {
    return with_activation(graph, x, setting_of(source, "act").text,
                           setting_of(source, "alpha").number);
}

Wire dense(GraphWriter& graph, const Weights& weights, const LayerSource& source, const Wire& x) {
    const bool tied = source.owner != source.name;
    std::vector<std::string> inputs{graph.flat(x).name,
                                    constant(graph, weights, source.owner + ".weight")};
    if (weights.find(source.name + ".bias"))
        inputs.push_back(constant(graph, weights, source.name + ".bias"));
    const NodeWriter node = graph.node("Gemm", inputs).integer("transB", tied ? 1 : 0);
    return with_own_activation(graph, {node.output(), source.output}, source);
}

// What an operator with windows says of its axes.
struct Extents {
    std::vector<std::int64_t> kernel, stride, dilation, pads, more;
    std::size_t axes;
};

Extents extents_of(const Windows& windows, std::size_t axes) {
    Extents out{{}, {}, {}, {}, {}, axes};
    std::vector<std::int64_t> high;
    for (std::size_t i = 2 - axes; i < 2; ++i) {
        const Axis& a = i == 0 ? windows.rows : windows.columns;
        const std::int64_t beyond = (a.small - 1) * a.stride + a.reach() - a.low - a.big;
        out.kernel.push_back(a.kernel);
        out.stride.push_back(a.stride);
        out.dilation.push_back(a.dilation);
        out.pads.push_back(a.low);
        high.push_back(std::max<std::int64_t>(0, beyond));
        out.more.push_back(std::max<std::int64_t>(0, -beyond));
    }
    out.pads.insert(out.pads.end(), high.begin(), high.end());
    return out;
}

NodeWriter& with_windows(NodeWriter& node, const Extents& extents) {
    return node.integers("kernel_shape", extents.kernel)
        .integers("strides", extents.stride)
        .integers("pads", extents.pads);
}

// Ours [taps, big channels / groups, small channels]; ONNX's [small, big / groups, taps] for both
// directions.
std::string kernel_constant(GraphWriter& graph, const Weights& weights, const std::string& name,
                            const Windows& windows, std::size_t axes) {
    const NamedValues& ours = weights.get(name + ".weight");
    const std::size_t taps = windows.taps(), big = windows.group_channels();
    const std::size_t small = ours.values.size() / (taps * big);
    std::vector<float> values(ours.values.size());
    for (std::size_t tap = 0; tap < taps; ++tap)
        for (std::size_t b = 0; b < big; ++b)
            for (std::size_t s = 0; s < small; ++s)
                values[(s * big + b) * taps + tap] = ours.values((tap * big + b) * small + s);
    Shape dims{static_cast<std::int64_t>(small), static_cast<std::int64_t>(big)};
    if (axes == 2) dims.push_back(windows.rows.kernel);
    dims.push_back(windows.columns.kernel);
    return graph.floats(name + ".weight", dims, values);
}

Wire convolution(GraphWriter& graph, const Weights& weights, const LayerSource& source,
                 const Wire& x, const layers::Convolution& layer) {
    const std::size_t axes = source.spec.type.starts_with("conv1d") ? 1 : 2;
    const bool up = source.spec.type.ends_with("transposed");
    const Extents extents = extents_of(layer.windows(), axes);
    std::vector<std::string> inputs{
        graph.spatial(x, axes).name,
        kernel_constant(graph, weights, source.owner, layer.windows(), axes)};
    if (weights.find(source.name + ".bias"))
        inputs.push_back(constant(graph, weights, source.name + ".bias"));
    NodeWriter node = graph.node(up ? "ConvTranspose" : "Conv", inputs);
    with_windows(node, extents)
        .integers("dilations", extents.dilation)
        .integer("group", layer.windows().groups);
    if (up) node.integers("output_padding", extents.more);
    return with_own_activation(graph, graph.from_spatial(node.output(), source.output, axes),
                               source);
}

Wire pooling(GraphWriter& graph, const LayerSource& source, const Wire& x,
             const layers::Pooling& layer) {
    const std::size_t axes = layer.axes();
    NodeWriter node = graph.node(source.spec.type == "max_pool" ? "MaxPool" : "AveragePool",
                                 {graph.spatial(x, axes).name});
    with_windows(node, extents_of(layer.windows(), axes));
    return graph.from_spatial(node.output(), source.output, axes);
}

// Whole copies, then what `size` cuts off the end.
Wire upsample(GraphWriter& graph, const LayerSource& source, const Wire& x) {
    const std::vector<double>& factor = setting_of(source, "factor").numbers;
    const bool image =
        x.shape.rank() == 3 || factor.size() == 2 || setting_of(source, "size").numbers.size() == 2;
    const std::size_t axes = image ? 2 : 1;
    const Wire from = graph.spatial(x, axes);
    std::vector<float> scales{1, 1};
    std::vector<std::int64_t> ends, starts(axes, 0), places;
    bool cut = false;
    for (std::size_t axis = 0; axis < axes; ++axis) {
        const double times = factor.empty() ? 2 : factor[std::min(axis, factor.size() - 1)];
        scales.push_back(static_cast<float>(times));
        ends.push_back(source.output[axis]);
        places.push_back(static_cast<std::int64_t>(axis) + 2);
        cut = cut || source.output[axis] != from.shape[axis] * static_cast<std::int64_t>(times);
    }
    const std::string sizes = graph.floats(source.name + ".scales",
                                           Shape{static_cast<std::int64_t>(scales.size())}, scales);
    std::string name = graph.node("Resize", {from.name, "", sizes})
                           .text("mode", "nearest")
                           .text("coordinate_transformation_mode", "asymmetric")
                           .text("nearest_mode", "floor")
                           .output();
    if (cut)
        name = graph
                   .node("Slice", {name, graph.integers(starts), graph.integers(ends),
                                   graph.integers(places)})
                   .output();
    return graph.from_spatial(name, source.output, axes);
}

Wire batch_norm(GraphWriter& graph, const Weights& weights, const LayerSource& source,
                const Wire& x) {
    const std::size_t rank = x.shape.rank();
    const Wire from = rank == 1 ? x : graph.spatial(x, rank - 1);
    std::vector<std::string> inputs{from.name};
    for (const char* part : {".gain", ".shift", ".running_mean", ".running_variance"})
        inputs.push_back(constant(graph, weights, source.name + part));
    NodeWriter node = graph.node("BatchNormalization", inputs);
    node.number("epsilon", static_cast<float>(setting_of(source, "epsilon").number));
    return {node.output(), from.shape, from.channels_first};
}

Wire layer_norm(GraphWriter& graph, const Weights& weights, const LayerSource& source,
                const Wire& x) {
    const Wire from = graph.channels_last(x);
    NodeWriter node = graph.node("LayerNormalization",
                                 {from.name, constant(graph, weights, source.name + ".gain"),
                                  constant(graph, weights, source.name + ".shift")});
    node.integer("axis", -1)
        .number("epsilon", static_cast<float>(setting_of(source, "epsilon").number));
    return {node.output(), from.shape};
}

// The shift apart from the factor: data far from 0 keep their digits.
Wire normalise(GraphWriter& graph, const Weights& weights, const LayerSource& source,
               const Wire& x) {
    const NamedValues& mean = weights.get(source.name + ".mean");
    const float deviation = weights.get(source.name + ".deviation").values(0);
    if (setting_of(source, "inverse").flag)
        return graph.combined("Add",
                              graph.combined("Mul", x, source.name + ".deviation", {&deviation, 1}),
                              source.name + ".mean", span(mean));
    const float factor = 1 / deviation;
    return graph.combined("Mul", graph.combined("Sub", x, source.name + ".mean", span(mean)),
                          source.name + ".factor", {&factor, 1});
}

Wire centre(GraphWriter& graph, const Weights& weights, const LayerSource& source, const Wire& x) {
    return graph.combined(setting_of(source, "inverse").flag ? "Add" : "Sub", x,
                          source.name + ".bias", span(weights.get(source.owner + ".bias")));
}

Wire top_k(GraphWriter& graph, const LayerSource& source, const Wire& x) {
    const Wire from = graph.flat(x);
    const std::int64_t k = setting_of(source, "k").integer;
    const NodeWriter largest =
        graph.node("TopK", {from.name, graph.integers({&k, 1})}, 2).integer("axis", 1);
    const std::string shape = graph.node("Shape", {from.name}).output();
    const std::string zeros = graph.node("ConstantOfShape", {shape}).output();
    const NodeWriter kept =
        graph.node("ScatterElements", {zeros, largest.output(1), largest.output(0)})
            .integer("axis", 1);
    return graph.reshaped({kept.output(), from.shape}, source.output);
}

// Of |x - e|^2 = |x|^2 - 2 x e + |e|^2 the first is the same for every entry.
Wire vector_quantise(GraphWriter& graph, const Weights& weights, const LayerSource& source,
                     const Wire& x) {
    const NamedValues& codebook = weights.get(source.name + ".codebook");
    const auto entries = static_cast<std::size_t>(codebook.shape[0]);
    const auto size = static_cast<std::size_t>(codebook.shape[1]);
    std::vector<float> squares(entries);
    for (std::size_t k = 0; k < entries; ++k) {
        double sum = 0;
        for (std::size_t c = 0; c < size; ++c) {
            const double value = codebook.values(k * size + c);
            sum += value * value;
        }
        squares[k] = static_cast<float>(sum);
    }
    const std::vector<std::int64_t> vectors{-1, codebook.shape[1]};
    const std::string flat =
        graph.node("Reshape", {graph.channels_last(x).name, graph.integers(vectors)}).output();
    const std::string table = constant(graph, weights, source.name + ".codebook");
    const std::string distances =
        graph
            .node("Gemm",
                  {flat, table,
                   graph.floats(source.name + ".squares", Shape{codebook.shape[0]}, squares)})
            .number("alpha", -2)
            .integer("transB", 1)
            .output();
    const std::string nearest =
        graph.node("ArgMin", {distances}).integer("axis", 1).integer("keepdims", 0).output();
    const std::string found = graph.node("Gather", {table, nearest}).integer("axis", 0).output();
    std::vector<std::int64_t> extents{-1};
    extents.insert(extents.end(), source.output.begin(), source.output.end());
    return {graph.node("Reshape", {found, graph.integers(extents)}).output(), source.output};
}

// A layer of a plugin that says it is y = x * factor + offset.
Wire affine(GraphWriter& graph, const LayerSource& source, const Wire& x) {
    const auto size = static_cast<std::size_t>(x.shape.elements());
    std::vector<float> factor(size), offset(size);
    if (!(source.output.elements() == x.shape.elements()) || !source.layer.affine(factor, offset))
        throw Error(Fault::usage,
                    source.name + " (" + source.layer.describe() + ") has no form in ONNX",
                    "export a part of the model without it, for example --what decoder");
    const Wire scaled = graph.combined("Mul", x, source.name + ".factor", factor);
    return graph.reshaped(graph.combined("Add", scaled, source.name + ".offset", offset),
                          source.output);
}

}  // namespace

const NamedValues* Weights::find(std::string_view name) const {
    for (const NamedValues& values : all_)
        if (values.name == name) return &values;
    return nullptr;
}

const NamedValues& Weights::get(const std::string& name) const {
    const NamedValues* found = find(name);
    if (found == nullptr) throw std::logic_error("the model has no " + name);
    return *found;
}

Wire write_layer(GraphWriter& graph, const Weights& weights, const LayerSource& source,
                 const Wire& x) {
    const std::string& type = source.spec.type;
    if (type == "dense") return dense(graph, weights, source, x);
    if (const auto* layer = dynamic_cast<const layers::Convolution*>(&source.layer))
        return convolution(graph, weights, source, x, *layer);
    if (const auto* layer = dynamic_cast<const layers::Pooling*>(&source.layer))
        return pooling(graph, source, x, *layer);
    if (type == "activation")
        return with_activation(graph, x, setting_of(source, "function").text,
                               setting_of(source, "alpha").number);
    if (type == "upsample") return upsample(graph, source, x);
    if (type == "flatten" || type == "reshape") return graph.reshaped(x, source.output);
    if (type == "dropout" || type == "winner_take_all") return x;  // outside training
    if (type == "batch_norm") return batch_norm(graph, weights, source, x);
    if (type == "layer_norm") return layer_norm(graph, weights, source, x);
    if (type == "normalise") return normalise(graph, weights, source, x);
    if (type == "centre") return centre(graph, weights, source, x);
    if (type == "top_k") return top_k(graph, source, x);
    if (type == "vector_quantise") return vector_quantise(graph, weights, source, x);
    return affine(graph, source, x);
}

}  // namespace narrows::exchange
