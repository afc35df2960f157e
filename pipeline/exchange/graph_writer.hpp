// An ONNX graph as it grows: constants, nodes, and what flows between them. One rule: names are
// made here, by operator and number, so that the same model gives the same bytes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "onnx.pb.h"
#include "pipeline/node.hpp"

namespace narrows::exchange {

// A batch of samples [N, shape...]. With channels_first it lies as [N, channels, axes...], as
// ONNX's convolutions want it, although `shape` stays [axes..., channels].
struct Wire {
    std::string name;
    Shape shape;
    bool channels_first = false;
};

// A node under construction; the attributes are those of ONNX's operator.
class NodeWriter {
public:
    explicit NodeWriter(onnx::Node& node) : node_(node) {}
    NodeWriter& number(const char* name, float value);
    NodeWriter& integer(const char* name, std::int64_t value);
    NodeWriter& integers(const char* name, std::span<const std::int64_t> values);
    NodeWriter& text(const char* name, const char* value);
    const std::string& output(int which = 0) const { return node_.output(which); }

private:
    onnx::Attribute& attribute(const char* name, onnx::Attribute::Type type);
    onnx::Node& node_;
};

class GraphWriter {
public:
    explicit GraphWriter(onnx::Graph& graph) : graph_(graph) {}

    // `dims` are those of the tensor, without a batch; empty: a scalar.
    std::string floats(std::string name, const Shape& dims, std::span<const float> values);
    std::string integers(std::span<const std::int64_t> values);
    NodeWriter node(const char* op, std::vector<std::string> inputs, int outputs = 1);
    // Takes the place of a node's output.
    void input(const std::string& name, const Shape& sample);
    // `wire` under a name of the graph's own: [N, sample...].
    void output(const Wire& wire, const std::string& name);

    // The same values: as `shape`, channels last; as they lie for ONNX's operators over `axes`
    // axes.
    Wire reshaped(const Wire& wire, const Shape& shape);
    Wire channels_last(const Wire& wire);
    Wire flat(const Wire& wire) { return reshaped(wire, Shape{wire.shape.elements()}); }
    Wire spatial(const Wire& wire, std::size_t axes);
    // What an operator over axes gave, back to a sample of `shape`.
    Wire from_spatial(std::string name, const Shape& shape, std::size_t axes);
    // y = x * factor, x + offset: `values` hold one number or one for each value of a sample.
    Wire combined(const char* op, const Wire& wire, std::string name,
                  std::span<const float> values);

private:
    void describe(onnx::Value& value, const std::string& name, const Shape& sample) const;
    std::string lay_out(const std::string& name, const Shape& dims);

    onnx::Graph& graph_;
    int nodes_ = 0, constants_ = 0;
};

}  // namespace narrows::exchange
