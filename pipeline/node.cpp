#include "pipeline/node.hpp"

namespace narrows {

void Model::choose_trained(std::span<const std::string>, std::span<const std::string>) {
    throw Error(Fault::usage, "this type of model cannot be trained in parts",
                "leave `train` and `freeze` out");
}

Error::Error(Fault fault, const std::string& text, std::string hint, Position position)
    : std::runtime_error(text), fault_(fault), hint_(std::move(hint)), position_(position) {}

// Defined here, once, so that casts and exceptions work across plugin borders.
Error::~Error() = default;
Loop::~Loop() = default;
Component::~Component() = default;

std::string_view to_string(Kind kind) noexcept {
    switch (kind) {
        case Kind::node:
            return "node";
        case Kind::model:
            return "model";
        case Kind::layer:
            return "layer";
        case Kind::format:
            return "format";
    }
    return "component";
}

Schema::~Schema() = default;
Factory::~Factory() = default;
OpenContext::~OpenContext() = default;
Context::~Context() = default;
RunContext::~RunContext() = default;
Node::~Node() = default;
FindsNotFinite::~FindsNotFinite() = default;

std::string to_string(const Shape& shape) {
    std::string text = "[";
    for (std::size_t axis = 0; axis < shape.rank(); ++axis)
        text += (axis ? ", " : "") + std::to_string(shape[axis]);
    return text + "]";
}

}  // namespace narrows
