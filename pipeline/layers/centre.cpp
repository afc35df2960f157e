#include "pipeline/layers/centre.hpp"

#include <algorithm>

#include "pipeline/layers/extents.hpp"

namespace narrows::layers {

Centre::~Centre() = default;

void Centre::describe(Schema& schema) {
    schema
        .summary("Subtracts a trained bias that the decoder adds again; starts at the data's mean")
        .flag<&Centre::inverse_>("inverse", false, "adds it: for the decoder's end");
}

Shape Centre::configure(const Shape& input) {
    size_ = static_cast<std::size_t>(input.elements());
    bias_ = std::make_unique<Parameter>("bias", Shape{input.elements()}, false, false);
    gradient_.assign(size_, 0.0f);
    sums_.assign(size_, 0.0f);
    return input;
}

std::vector<Parameter*> Centre::parameters() {
    if (!bias_) return {};
    return {bias_.get()};
}

void Centre::fit(std::span<const float> mean, std::span<const float>) {
    if (bias_ && mean.size() == size_) bias_->set_values(mean);
}

void Centre::forward(const Pass& pass, const float* x, float* y) {
    const float* const b = bias();
    each_sample(pass, [&](std::size_t row) {
        const float* from = x + row * size_;
        float* to = y + row * size_;
        if (inverse_)
            for (std::size_t i = 0; i < size_; ++i) to[i] = from[i] + b[i];
        else
            for (std::size_t i = 0; i < size_; ++i) to[i] = from[i] - b[i];
    });
}

void Centre::backward(const Pass& pass, const float*, const float*, float* dy, float* dx) {
    if (dx != nullptr) std::copy_n(dy, pass.rows * size_, dx);
}

void Centre::add_gradient(std::span<const Trace> traces, float sign) {
    for (const Trace& trace : traces) {
        simd::kernels().column_sums(trace.dz, size_, trace.pass.rows, 0, size_, sums_.data());
        if (sign < 0) simd::kernels().scale(sign, sums_.data(), size_);
        simd::kernels().add(sums_.data(), gradient_.data(), size_);
    }
}

// Both directions' batches, this one's first.
void Centre::update(const Loop&, std::span<const Trace> traces, const UpdateRule& rule) {
    if (!bias_ || bias_->frozen) return;
    const bool partners = partner_ != nullptr && !partner_->traces_.empty();
    if (traces.empty() && !partners) return;
    std::fill(gradient_.begin(), gradient_.end(), 0.0f);
    add_gradient(traces, inverse_ ? 1.0f : -1.0f);
    if (partners) add_gradient(partner_->traces_, inverse_ ? -1.0f : 1.0f);
    update_whole(*bias_, gradient_.data(), rule);
}

std::optional<LayerSpec> Centre::mirror(const Shape&) const {
    LayerSpec spec;
    spec.type = "centre";
    Setting inverse{"inverse", {}, {}};
    inverse.value.flag = !inverse_;
    spec.settings = {inverse};
    return spec;
}

bool Centre::tie(Layer& other) {
    auto* owner = dynamic_cast<Centre*>(&other);
    if (owner == nullptr || !owner->bias_ || owner->inverse_ == inverse_ || owner->size_ != size_)
        return false;
    bias_.reset();
    owner_ = owner;
    owner->partner_ = this;
    return true;
}

}  // namespace narrows::layers
