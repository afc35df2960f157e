#include "pipeline/exchange/chain.hpp"

#include <algorithm>
#include <cmath>

namespace narrows::exchange {
namespace {

[[noreturn]] void damaged(const std::string& what) {
    throw Error(Fault::input, "the ONNX graph " + what, "the file is damaged, or not a model");
}

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

}  // namespace

Chain::Chain(const onnx::Graph& graph) : graph_(graph) {
    for (const onnx::Tensor& tensor : graph.initializer())
        initializers_.emplace(tensor.name(), &tensor);
    for (const onnx::Node& node : graph.node())
        for (const std::string& output : node.output())
            if (!output.empty() && !producers_.emplace(output, &node).second)
                damaged("writes \"" + output + "\" twice");
    for (const onnx::Value& value : graph.input()) {
        if (initializers_.contains(value.name())) continue;  // older files list weights too
        if (input_ != nullptr)
            throw Error(
                Fault::input,
                "the ONNX graph has several inputs: " + input_->name() + ", " + value.name(),
                "only models of one input can be imported");
        input_ = &value;
    }
    if (input_ == nullptr || input_->name().empty()) damaged("has no input");
    tensors_.insert(input_->name());
    // In the format nodes stand in an order in which they can run.
    for (const onnx::Node& node : graph.node())
        if (node.op_type() != "Shape" && !flowing_inputs(node).empty())
            for (const std::string& output : node.output())
                if (!output.empty()) tensors_.insert(output);
}

std::vector<std::int64_t> Chain::input_dims() const {
    std::vector<std::int64_t> dims;
    const onnx::TensorShape& shape = input_->type().tensor_type().shape();
    for (int axis = 1; axis < shape.dim_size(); ++axis) {
        if (shape.dim(axis).dim_value() < 1) return {};
        dims.push_back(shape.dim(axis).dim_value());
    }
    return dims;
}

std::vector<std::string> Chain::outputs() const {
    std::vector<std::string> names;
    for (const onnx::Value& value : graph_.output()) names.push_back(value.name());
    return names;
}

const onnx::Node* Chain::producer(const std::string& tensor) const {
    const auto found = producers_.find(tensor);
    return found == producers_.end() ? nullptr : found->second;
}

const Constant* Chain::constant(const std::string& tensor) const {
    if (const auto known = read_.find(tensor); known != read_.end()) return &known->second;
    const onnx::Tensor* values = nullptr;
    if (const auto found = initializers_.find(tensor); found != initializers_.end())
        values = found->second;
    else if (const onnx::Node* node = producer(tensor); node && node->op_type() == "Constant") {
        const onnx::Attribute* value = Attributes(*node).find("value", onnx::Attribute::TENSOR);
        if (value == nullptr || !value->has_t()) refuse(*node, "holds no tensor");
        values = &value->t();
    } else if (node && node->op_type() == "Identity" && node->input_size() == 1 &&
               initializers_.contains(node->input(0))) {
        values = initializers_.at(node->input(0));  // weights that several nodes share
    }
    if (values == nullptr) return nullptr;
    return &read_.emplace(tensor, read_tensor(*values, "the tensor \"" + tensor + "\""))
                .first->second;
}

std::vector<std::string> Chain::flowing_inputs(const onnx::Node& node) const {
    std::vector<std::string> names;
    for (const std::string& input : node.input())
        if (flows(input)) names.push_back(input);
    return names;
}

bool Chain::is_scalar(const onnx::Node& node, float value) const {
    for (const std::string& input : node.input()) {
        if (flows(input)) continue;
        const Constant* found = constant(input);
        return found && found->floats.size() == 1 &&
               std::fabs(found->floats[0] - value) <= 1e-5f * std::fabs(value);
    }
    return false;
}

// x of x * (1 + erf(x / sqrt 2)), which is twice the GELU; empty: it is something else.
std::string Chain::gelu_input(const onnx::Node& product) const {
    const auto step = [&](const std::string& tensor, const char* op) -> const onnx::Node* {
        const onnx::Node* node = producer(tensor);
        return node && node->op_type() == op ? node : nullptr;
    };
    for (int which = 0; which < 2; ++which) {
        const std::string& x = product.input(1 - which);
        const onnx::Node* sum = step(product.input(which), "Add");
        if (sum == nullptr || !is_scalar(*sum, 1) || flowing_inputs(*sum).size() != 1) continue;
        const onnx::Node* erf = step(flowing_inputs(*sum)[0], "Erf");
        if (erf == nullptr || erf->input_size() != 1) continue;
        const onnx::Node* inner = producer(erf->input(0));
        if (inner == nullptr || flowing_inputs(*inner) != std::vector<std::string>{x}) continue;
        if ((inner->op_type() == "Div" && inner->input(0) == x && is_scalar(*inner, 1.41421356f)) ||
            (inner->op_type() == "Mul" && is_scalar(*inner, 0.70710678f)))
            return x;
    }
    return {};
}

std::vector<Link> Chain::to(const std::string& tensor) const {
    if (!flows(tensor))
        throw Error(Fault::input,
                    "the ONNX graph has no tensor \"" + tensor + "\" behind its input",
                    "its outputs: " + listed(outputs()));
    std::vector<Link> links;
    std::string at = tensor;
    while (at != input()) {
        const onnx::Node* node = producer(at);
        if (node == nullptr || links.size() > static_cast<std::size_t>(graph_.node_size()))
            damaged("does not lead from its input to \"" + tensor + "\"");
        if (node->output_size() < 1 || node->output(0) != at)
            refuse(*node, "only its first output can be imported");
        const std::vector<std::string> from = flowing_inputs(*node);
        if (from.size() == 2 && node->op_type() == "Mul" && node->input_size() == 2) {
            const std::string x = gelu_input(*node);
            if (!x.empty() && !links.empty() && links.back().op == "Mul" &&
                is_scalar(*links.back().node, 0.5f)) {
                links.back() = {links.back().node, "Gelu", x, links.back().output};
                at = x;
                continue;
            }
        }
        if (from.size() != 1)
            refuse(*node, "joins two branches", "only a chain of layers can be imported");
        links.push_back({node, node->op_type(), from[0], at});
        at = from[0];
    }
    std::reverse(links.begin(), links.end());
    return links;
}

}  // namespace narrows::exchange
