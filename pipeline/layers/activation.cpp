#include "pipeline/layers/activation.hpp"

#include <algorithm>

#include "pipeline/layers/extents.hpp"
#include "pipeline/layers/settings.hpp"

namespace narrows::layers {

ActivationLayer::~ActivationLayer() = default;

void ActivationLayer::describe(Schema& schema) {
    schema.summary("An activation function as a layer of its own")
        .main("function")
        .choice<&ActivationLayer::name_>("function", "relu", settings::activation_choices,
                                         "which function")
        .number<&ActivationLayer::alpha_>("alpha", 0, 0, 10, settings::alpha_doc);
}

Shape ActivationLayer::configure(const Shape& input) {
    act_ = settings::activation_from(name_);
    size_ = static_cast<std::size_t>(input.elements());
    return input;
}

void ActivationLayer::forward(const Pass& pass, const float* x, float* y) {
    const auto act = pass.skip_activation ? simd::Activation::linear : *act_;
    each_sample(pass, [&](std::size_t row) {
        simd::kernels().activate(act, settings::alpha_of(*act_, alpha_), x + row * size_,
                                 y + row * size_, size_);
    });
}

void ActivationLayer::backward(const Pass& pass, const float* x, const float* y, float* dy,
                               float* dx) {
    const auto act = pass.skip_activation ? simd::Activation::linear : *act_;
    const float* saved = simd::derivative_needs_input(act) ? x : y;
    each_sample(pass, [&](std::size_t row) {
        const std::size_t at = row * size_;
        simd::kernels().activation_gradient(act, settings::alpha_of(*act_, alpha_), saved + at,
                                            dy + at, dy + at, size_);
        if (dx) std::copy_n(dy + at, size_, dx + at);
    });
}

float ActivationLayer::alpha() const {
    return settings::alpha_of(*act_, alpha_);
}

std::optional<LayerSpec> ActivationLayer::mirror(const Shape&) const {
    LayerSpec spec;
    spec.type = "activation";
    Setting function{"function", {}, {}}, alpha{"alpha", {}, {}};
    function.value.text = name_;
    alpha.value.number = alpha_;
    spec.settings = {function, alpha};
    return spec;
}

}  // namespace narrows::layers
