#include "pipeline/exchange/graph_writer.hpp"

#include <bit>

namespace narrows::exchange {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data holds little-endian values");

template <class T>
void fill(onnx::Tensor& tensor, onnx::Tensor::Type type, std::span<const T> values) {
    tensor.set_data_type(type);
    tensor.set_raw_data(values.data(), values.size_bytes());
}

}  // namespace

onnx::Attribute& NodeWriter::attribute(const char* name, onnx::Attribute::Type type) {
    onnx::Attribute& attribute = *node_.add_attribute();
    attribute.set_name(name);
    attribute.set_type(type);
    return attribute;
}

NodeWriter& NodeWriter::number(const char* name, float value) {
    attribute(name, onnx::Attribute::FLOAT).set_f(value);
    return *this;
}
NodeWriter& NodeWriter::integer(const char* name, std::int64_t value) {
    attribute(name, onnx::Attribute::INT).set_i(value);
    return *this;
}
NodeWriter& NodeWriter::integers(const char* name, std::span<const std::int64_t> values) {
    onnx::Attribute& list = attribute(name, onnx::Attribute::INTS);
    for (const std::int64_t value : values) list.add_ints(value);
    return *this;
}
NodeWriter& NodeWriter::text(const char* name, const char* value) {
    attribute(name, onnx::Attribute::STRING).set_s(value);
    return *this;
}

std::string GraphWriter::floats(std::string name, const Shape& dims,
                                std::span<const float> values) {
    for (const onnx::Tensor& known : graph_.initializer())
        if (known.name() == name) return name;  // a weight that two layers share
    onnx::Tensor& tensor = *graph_.add_initializer();
    for (const std::int64_t extent : dims) tensor.add_dims(extent);
    tensor.set_name(name);
    fill(tensor, onnx::Tensor::FLOAT, values);
    return name;
}

std::string GraphWriter::integers(std::span<const std::int64_t> values) {
    onnx::Tensor& tensor = *graph_.add_initializer();
    tensor.add_dims(static_cast<std::int64_t>(values.size()));
    tensor.set_name("integers_" + std::to_string(constants_++));
    fill(tensor, onnx::Tensor::INT64, values);
    return tensor.name();
}

NodeWriter GraphWriter::node(const char* op, std::vector<std::string> inputs, int outputs) {
    onnx::Node& node = *graph_.add_node();
    const std::string name = std::string(op) + "_" + std::to_string(nodes_++);
    node.set_op_type(op);
    node.set_name(name);
    for (std::string& input : inputs) node.add_input(std::move(input));
    for (int i = 0; i < outputs; ++i)
        node.add_output(i == 0 ? name : name + "_" + std::to_string(i));
    return NodeWriter(node);
}

void GraphWriter::describe(onnx::Value& value, const std::string& name, const Shape& sample) const {
    value.set_name(name);
    onnx::TensorType& type = *value.mutable_type()->mutable_tensor_type();
    type.set_elem_type(onnx::Tensor::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_param("N");
    for (const std::int64_t extent : sample) type.mutable_shape()->add_dim()->set_dim_value(extent);
}

void GraphWriter::input(const std::string& name, const Shape& sample) {
    describe(*graph_.add_input(), name, sample);
}

void GraphWriter::output(const Wire& wire, const std::string& name) {
    const Wire last = channels_last(wire);
    onnx::Node& node = *graph_.add_node();
    node.set_op_type("Identity");
    node.set_name(name);
    node.add_input(last.name);
    node.add_output(name);
    describe(*graph_.add_output(), name, last.shape);
}

// [N, dims...]; 0 keeps the batch, whatever it is.
std::string GraphWriter::lay_out(const std::string& name, const Shape& dims) {
    std::vector<std::int64_t> extents{0};
    extents.insert(extents.end(), dims.begin(), dims.end());
    return node("Reshape", {name, integers(extents)}).output();
}

Wire GraphWriter::reshaped(const Wire& wire, const Shape& shape) {
    Wire last = channels_last(wire);
    if (!(last.shape == shape)) last = {lay_out(last.name, shape), shape};
    return last;
}

Wire GraphWriter::channels_last(const Wire& wire) {
    if (!wire.channels_first) return wire;
    const std::size_t rank = wire.shape.rank();
    if (wire.shape[rank - 1] == 1) return {lay_out(wire.name, wire.shape), wire.shape};
    std::vector<std::int64_t> order{0};
    for (std::size_t axis = 1; axis < rank; ++axis)
        order.push_back(static_cast<std::int64_t>(axis) + 1);
    order.push_back(1);
    return {node("Transpose", {wire.name}).integers("perm", order).output(), wire.shape};
}

Wire GraphWriter::spatial(const Wire& wire, std::size_t axes) {
    if (wire.channels_first) return wire;
    const std::size_t rank = wire.shape.rank();
    const std::int64_t channels = rank == axes ? 1 : wire.shape[axes];
    Shape shape;
    for (std::size_t axis = 0; axis < axes; ++axis) shape.push_back(wire.shape[axis]);
    if (channels == 1) {
        Shape lying{1};
        for (const std::int64_t extent : shape) lying.push_back(extent);
        shape.push_back(1);
        return {lay_out(wire.name, lying), shape, true};
    }
    shape.push_back(channels);
    std::vector<std::int64_t> order{0, static_cast<std::int64_t>(rank)};
    for (std::size_t axis = 1; axis < rank; ++axis)
        order.push_back(static_cast<std::int64_t>(axis));
    return {node("Transpose", {wire.name}).integers("perm", order).output(), shape, true};
}

Wire GraphWriter::from_spatial(std::string name, const Shape& shape, std::size_t axes) {
    if (shape.rank() > axes) return {std::move(name), shape, true};
    return {lay_out(name, shape), shape};
}

Wire GraphWriter::combined(const char* op, const Wire& wire, std::string name,
                           std::span<const float> values) {
    const Wire last = channels_last(wire);
    const std::string constant =
        floats(std::move(name), values.size() == 1 ? Shape{} : last.shape, values);
    return {node(op, {last.name, constant}).output(), last.shape};
}

}  // namespace narrows::exchange
