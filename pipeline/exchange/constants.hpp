// The numbers that an ONNX file holds, checked. One rule: nothing is believed before it was
// compared with the bytes that are there.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "onnx.pb.h"
#include "pipeline/node.hpp"

namespace narrows::exchange {

struct Constant {
    std::vector<std::int64_t> dims;      // empty: a scalar
    std::vector<float> floats;           // FLOAT, DOUBLE, FLOAT16
    std::vector<std::int64_t> integers;  // INT64, INT32
    std::size_t size() const { return floats.empty() ? integers.size() : floats.size(); }
};

// The product of extents that must be from 0 to 2^40 each and together; throws Error{Fault::input}
// naming `what`.
std::int64_t checked_elements(const std::vector<std::int64_t>& dims, const std::string& what);

// Throws Error{Fault::input}: data elsewhere, another count than the dims say, a type that is not
// read.
Constant read_tensor(const onnx::Tensor& tensor, const std::string& what);

// Attributes of a node, with the operator's own defaults given by the caller. Throw
// Error{Fault::input} where the attribute is there with another type.
class Attributes {
public:
    explicit Attributes(const onnx::Node& node) : node_(node) {}
    const onnx::Attribute* find(const char* name, onnx::Attribute::Type type) const;
    std::int64_t integer(const char* name, std::int64_t fallback) const;
    double number(const char* name, double fallback) const;
    std::string text(const char* name, std::string fallback) const;
    std::vector<std::int64_t> integers(const char* name) const;  // empty: not there

private:
    const onnx::Node& node_;
};

// "node "conv1" (Conv)": how messages name a node.
std::string name_of(const onnx::Node& node);
// What a node's refusal says; `hint` is the next step.
[[noreturn]] void refuse(const onnx::Node& node, const std::string& why, std::string hint = {});

}  // namespace narrows::exchange
