#include "pipeline/layers/dropout.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/layers/extents.hpp"

namespace narrows::layers {

Dropout::~Dropout() = default;

void Dropout::describe(Schema& schema) {
    schema.summary("While training, sets values to 0 at random and scales the others up")
        .main("rate")
        .number<&Dropout::rate_>("rate", 0.5, 0, 0.999, "probability that a value becomes 0");
}

Shape Dropout::configure(const Shape& input) {
    size_ = static_cast<std::size_t>(input.elements());
    return input;
}

void Dropout::apply(const Pass& pass, const float* from, float* to) const {
    const auto rate = static_cast<float>(rate_);
    const float keep = 1.0f / (1.0f - rate);
    each_sample(pass, [&](std::size_t row) {
        const std::size_t at = row * size_;
        const simd::RandomStream stream{pass.key.seed, pass.key.node, pass.epoch,
                                        static_cast<std::uint64_t>(pass.sample_ids[row])};
        simd::kernels().mask(stream, rate, 0.0f, keep, from + at, to + at, size_);
    });
}

void Dropout::forward(const Pass& pass, const float* x, float* y) {
    if (pass.phase == Phase::training)
        apply(pass, x, y);
    else
        each_sample(pass,
                    [&](std::size_t row) { std::copy_n(x + row * size_, size_, y + row * size_); });
}

void Dropout::backward(const Pass& pass, const float*, const float*, float* dy, float* dx) {
    if (dx == nullptr) return;
    if (pass.phase == Phase::training)
        apply(pass, dy, dx);
    else
        each_sample(
            pass, [&](std::size_t row) { std::copy_n(dy + row * size_, size_, dx + row * size_); });
}

bool Dropout::affine(std::span<float> factor, std::span<float> offset) const {
    std::fill(factor.begin(), factor.end(), 1.0f);
    std::fill(offset.begin(), offset.end(), 0.0f);
    return true;
}

std::string Dropout::describe() const {
    return fmt::format("dropout {}", rate_);
}

}  // namespace narrows::layers
