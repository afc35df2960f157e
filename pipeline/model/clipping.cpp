#include "pipeline/model/clipping.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace narrows::model {
namespace {

constexpr std::size_t row = simd::panel_width;  // tiles begin at multiples of a panel's row

}  // namespace

Measure::Measure(std::span<layers::Parameter* const> parameters) {
    for (const layers::Parameter* parameter : parameters) {
        squares_[parameter].assign(parameter->stored() / row + 1, 0.0);
        order_.push_back(parameter);
    }
}
Measure::~Measure() = default;
Scaled::~Scaled() = default;

// Each tile has a place of its own, so that threads do not meet.
void Measure::apply(const layers::UpdateBlock& block) const {
    squares_.find(block.parameter)->second[block.offset / row] =
        simd::kernels().sum_squares(block.gradient, block.count);
}

double Measure::norm() const {
    double sum = 0;
    for (const layers::Parameter* parameter : order_)
        for (const double part : squares_.at(parameter)) sum += part;
    return std::sqrt(sum);
}

void Scaled::apply(const layers::UpdateBlock& block) const {
    std::array<float, 8 * row> gradient;
    for (std::size_t at = 0; at < block.count; at += gradient.size()) {
        layers::UpdateBlock part = block;
        part.count = std::min(gradient.size(), block.count - at);
        std::copy_n(block.gradient + at, part.count, gradient.data());
        simd::kernels().scale(factor_, gradient.data(), part.count);
        part.gradient = gradient.data();
        part.weight += at;
        part.offset += at;
        for (float*& state : part.state)
            if (state) state += at;
        rule_.apply(part);
    }
}

}  // namespace narrows::model
