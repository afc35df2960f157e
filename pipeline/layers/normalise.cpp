#include "pipeline/layers/normalise.hpp"

#include <cmath>

#include "pipeline/layers/extents.hpp"

namespace narrows::layers {

Normalise::~Normalise() = default;

void Normalise::describe(Schema& schema) {
    schema.summary("Subtracts each feature's mean and divides by one deviation, fitted to the data")
        .flag<&Normalise::inverse_>("inverse", false, "multiplies and adds: for the decoder's end");
}

Shape Normalise::configure(const Shape& input) {
    size_ = static_cast<std::size_t>(input.elements());
    mean_ = std::make_unique<Parameter>("mean", Shape{input.elements()}, false, false);
    deviation_ = std::make_unique<Parameter>("deviation", Shape{1}, false, false);
    mean_->trained = deviation_->trained = false;
    return input;
}

std::vector<Parameter*> Normalise::parameters() {
    return {mean_.get(), deviation_.get()};
}

void Normalise::initialise(RandomKey) {
    deviation_->data()[0] = 1;
}

// In double, features in order; data without any spread keeps its units.
void Normalise::fit(std::span<const float> mean, std::span<const float> deviation) {
    if (mean.size() != size_ || deviation.size() != size_) return;
    double variance = 0;
    for (std::size_t i = 0; i < size_; ++i) {
        mean_->data()[i] = mean[i];
        variance += static_cast<double>(deviation[i]) * deviation[i];
    }
    const double spread = std::sqrt(variance / static_cast<double>(size_));
    deviation_->data()[0] = spread > 0 ? static_cast<float>(spread) : 1.0f;
}

void Normalise::forward(const Pass& pass, const float* x, float* y) {
    const float* mean = mean_->data();
    const float deviation = deviation_->data()[0], factor = 1 / deviation;
    each_sample(pass, [&](std::size_t row) {
        const float* from = x + row * size_;
        float* to = y + row * size_;
        if (inverse_)
            for (std::size_t i = 0; i < size_; ++i) to[i] = from[i] * deviation + mean[i];
        else
            for (std::size_t i = 0; i < size_; ++i) to[i] = (from[i] - mean[i]) * factor;
    });
}

void Normalise::backward(const Pass& pass, const float*, const float*, float* dy, float* dx) {
    if (dx == nullptr) return;
    const float deviation = deviation_->data()[0], factor = inverse_ ? deviation : 1 / deviation;
    each_sample(pass, [&](std::size_t row) {
        for (std::size_t i = row * size_; i < (row + 1) * size_; ++i) dx[i] = dy[i] * factor;
    });
}

bool Normalise::affine(std::span<float> factor, std::span<float> offset) const {
    const float deviation = deviation_->data()[0];
    for (std::size_t i = 0; i < size_; ++i) {
        factor[i] = inverse_ ? deviation : 1 / deviation;
        offset[i] = inverse_ ? mean_->data()[i] : -mean_->data()[i] * factor[i];
    }
    return true;
}

std::optional<LayerSpec> Normalise::mirror(const Shape&) const {
    LayerSpec spec;
    spec.type = "normalise";
    Setting inverse{"inverse", {}, {}};
    inverse.value.flag = !inverse_;
    spec.settings = {inverse};
    return spec;
}

}  // namespace narrows::layers
