#include "pipeline/layers/reshape.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/layers/extents.hpp"

namespace narrows::layers {
namespace {

void copy_rows(const Pass& pass, std::size_t size, const float* from, float* to) {
    each_sample(pass,
                [&](std::size_t row) { std::copy_n(from + row * size, size, to + row * size); });
}

LayerSpec reshape_to(const Shape& shape) {
    LayerSpec spec;
    spec.type = "reshape";
    spec.settings = {numbers_setting("shape", std::vector<double>(shape.begin(), shape.end()))};
    return spec;
}

bool same_values(std::span<float> factor, std::span<float> offset) {
    std::fill(factor.begin(), factor.end(), 1.0f);
    std::fill(offset.begin(), offset.end(), 0.0f);
    return true;
}

}  // namespace

Flatten::~Flatten() = default;
Reshape::~Reshape() = default;

void Flatten::describe(Schema& schema) {
    schema.summary("Makes a vector of any sample");
}

Shape Flatten::configure(const Shape& input) {
    size_ = static_cast<std::size_t>(input.elements());
    return {input.elements()};
}
void Flatten::forward(const Pass& pass, const float* x, float* y) {
    copy_rows(pass, size_, x, y);
}
void Flatten::backward(const Pass& pass, const float*, const float*, float* dy, float* dx) {
    if (dx) copy_rows(pass, size_, dy, dx);
}
bool Flatten::affine(std::span<float> factor, std::span<float> offset) const {
    return same_values(factor, offset);
}
std::optional<LayerSpec> Flatten::mirror(const Shape& input) const {
    return reshape_to(input);
}
std::string Flatten::describe() const {
    return "flatten";
}

void Reshape::describe(Schema& schema) {
    schema.summary("Gives a sample another shape of as many values")
        .main("shape")
        .numbers<&Reshape::shape_>("shape", "extents of a sample, slowest first");
}

Shape Reshape::configure(const Shape& input) {
    output_ = {};
    for (const double extent : shape_) {
        if (!(extent >= 1 && extent <= 1e15) || extent != std::floor(extent))
            throw Error(Fault::usage, "'shape' must be whole numbers of at least 1");
        output_.push_back(static_cast<std::int64_t>(extent));
    }
    if (shape_.empty() || output_.elements() != input.elements())
        throw Error(Fault::usage, "cannot reshape " + to_string(input) + " (" +
                                      std::to_string(input.elements()) + " values) to " +
                                      to_string(output_) + " (" +
                                      std::to_string(output_.elements()) + ")");
    return output_;
}
void Reshape::forward(const Pass& pass, const float* x, float* y) {
    copy_rows(pass, static_cast<std::size_t>(output_.elements()), x, y);
}
void Reshape::backward(const Pass& pass, const float*, const float*, float* dy, float* dx) {
    if (dx) copy_rows(pass, static_cast<std::size_t>(output_.elements()), dy, dx);
}
bool Reshape::affine(std::span<float> factor, std::span<float> offset) const {
    return same_values(factor, offset);
}
std::optional<LayerSpec> Reshape::mirror(const Shape& input) const {
    return reshape_to(input);
}
std::string Reshape::describe() const {
    return "reshape " + to_string(output_);
}

}  // namespace narrows::layers
