// An ONNX graph as the chain of nodes from its input to one tensor. One rule: what is no chain is
// refused with the node where branches join.
#pragma once

#include <set>

#include "pipeline/exchange/constants.hpp"

namespace narrows::exchange {

struct Link {
    const onnx::Node* node = nullptr;
    std::string op;             // the node's, or Gelu for the nodes that spell it out
    std::string input, output;  // the tensors that go on
};

class Chain {
public:
    // `graph` must outlive this.
    explicit Chain(const onnx::Graph& graph);

    const std::string& input() const { return input_->name(); }
    // Extents of a sample as the file states them; empty: it does not.
    std::vector<std::int64_t> input_dims() const;
    std::vector<std::string> outputs() const;

    // From the input to `tensor`, in order; throws Error{Fault::input}.
    std::vector<Link> to(const std::string& tensor) const;

    const onnx::Node* producer(const std::string& tensor) const;
    // An initializer or the value of a Constant; null: it is neither.
    const Constant* constant(const std::string& tensor) const;

private:
    bool flows(const std::string& tensor) const { return tensors_.contains(tensor); }
    std::vector<std::string> flowing_inputs(const onnx::Node& node) const;
    std::string gelu_input(const onnx::Node& product) const;
    bool is_scalar(const onnx::Node& node, float value) const;

    const onnx::Graph& graph_;
    const onnx::Value* input_ = nullptr;
    std::map<std::string, const onnx::Node*> producers_;
    std::map<std::string, const onnx::Tensor*> initializers_;
    std::set<std::string> tensors_;  // that depend on the input's values
    mutable std::map<std::string, Constant> read_;
};

}  // namespace narrows::exchange
