#include "pipeline/exchange/constants.hpp"

#include <cmath>
#include <cstring>
#include <span>

namespace narrows::exchange {
namespace {

constexpr std::int64_t most_elements = std::int64_t{1} << 40;
constexpr std::size_t longest_name = 80;  // in messages

std::string printable(const std::string& text) {
    std::string out;
    for (const char c : text.substr(0, longest_name)) out += c >= ' ' && c <= '~' ? c : '?';
    return out;
}

float from_half(std::uint16_t half) {
    const int exponent = (half >> 10) & 31;
    const auto fraction = static_cast<float>(half & 1023);
    const float size = exponent == 31  ? (half & 1023 ? NAN : INFINITY)
                       : exponent == 0 ? std::ldexp(fraction, -24)
                                       : std::ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -size : size;
}

// The values as they lie in raw_data, or one by one in the field of their type.
template <class T, class Field>
std::vector<T> values_of(const std::string& raw, const Field& field) {
    if (raw.empty()) return {field.begin(), field.end()};
    std::vector<T> out(raw.size() / sizeof(T));
    if (!out.empty()) std::memcpy(out.data(), raw.data(), out.size() * sizeof(T));
    return out;
}

std::size_t width_of(int type) {
    switch (type) {
        case onnx::Tensor::FLOAT:
        case onnx::Tensor::INT32:
            return 4;
        case onnx::Tensor::DOUBLE:
        case onnx::Tensor::INT64:
            return 8;
        case onnx::Tensor::FLOAT16:
            return 2;
        default:
            return 0;
    }
}

}  // namespace

std::int64_t checked_elements(const std::vector<std::int64_t>& dims, const std::string& what) {
    std::int64_t count = 1;
    for (const std::int64_t extent : dims) {
        if (extent < 0 || extent > most_elements || (extent > 0 && count > most_elements / extent))
            throw Error(Fault::input, what + " has an extent of " + std::to_string(extent) +
                                          ": too large, or no size");
        count *= extent;
    }
    return count;
}

Constant read_tensor(const onnx::Tensor& tensor, const std::string& what) {
    Constant out;
    out.dims.assign(tensor.dims().begin(), tensor.dims().end());
    const auto count = static_cast<std::uint64_t>(checked_elements(out.dims, what));
    if (tensor.data_location() == 1 || tensor.external_data_size() > 0)
        throw Error(Fault::input, what + " lies in another file",
                    "save the model with its weights in one file");
    const int type = tensor.data_type();
    const std::size_t width = width_of(type);
    if (width == 0)
        throw Error(Fault::input,
                    what + " has data type " + std::to_string(type) +
                        ", which is not read: float, double, half, int32 and int64 are");
    const std::string& raw = tensor.raw_data();
    if (!raw.empty() && raw.size() != count * width)
        throw Error(Fault::input, what + " holds " + std::to_string(raw.size()) +
                                      " bytes where its extents need " +
                                      std::to_string(count * width));
    switch (type) {
        case onnx::Tensor::FLOAT:
            out.floats = values_of<float>(raw, tensor.float_data());
            break;
        case onnx::Tensor::DOUBLE: {
            const auto values = values_of<double>(raw, tensor.double_data());
            for (const double value : values) out.floats.push_back(static_cast<float>(value));
            break;
        }
        case onnx::Tensor::FLOAT16: {
            const auto halves = values_of<std::uint16_t>(raw, tensor.int32_data());
            for (const std::uint16_t value : halves) out.floats.push_back(from_half(value));
            break;
        }
        case onnx::Tensor::INT32: {
            const auto values = values_of<std::int32_t>(raw, tensor.int32_data());
            out.integers.assign(values.begin(), values.end());
            break;
        }
        default:
            out.integers = values_of<std::int64_t>(raw, tensor.int64_data());
    }
    if (out.size() != count)
        throw Error(Fault::input, what + " holds " + std::to_string(out.size()) +
                                      " values where its extents say " + std::to_string(count));
    return out;
}

std::string name_of(const onnx::Node& node) {
    const std::string& name =
        node.name().empty() && node.output_size() > 0 ? node.output(0) : node.name();
    return "node \"" + printable(name) + "\" (" + printable(node.op_type()) + ")";
}

void refuse(const onnx::Node& node, const std::string& why, std::string hint) {
    throw Error(Fault::input, name_of(node) + ": " + why, std::move(hint));
}

const onnx::Attribute* Attributes::find(const char* name, onnx::Attribute::Type type) const {
    for (const onnx::Attribute& attribute : node_.attribute()) {
        if (attribute.name() != name) continue;
        if (attribute.type() != onnx::Attribute::UNDEFINED && attribute.type() != type)
            refuse(node_, std::string("its ") + name + " has another type than it should");
        return &attribute;
    }
    return nullptr;
}

std::int64_t Attributes::integer(const char* name, std::int64_t fallback) const {
    const onnx::Attribute* found = find(name, onnx::Attribute::INT);
    return found ? found->i() : fallback;
}
double Attributes::number(const char* name, double fallback) const {
    const onnx::Attribute* found = find(name, onnx::Attribute::FLOAT);
    return found ? static_cast<double>(found->f()) : fallback;
}
std::string Attributes::text(const char* name, std::string fallback) const {
    const onnx::Attribute* found = find(name, onnx::Attribute::STRING);
    return found ? found->s() : std::move(fallback);
}
std::vector<std::int64_t> Attributes::integers(const char* name) const {
    const onnx::Attribute* found = find(name, onnx::Attribute::INTS);
    return found ? std::vector<std::int64_t>(found->ints().begin(), found->ints().end())
                 : std::vector<std::int64_t>{};
}

}  // namespace narrows::exchange
