// Activations and their derivatives, element by element.
constexpr float selu_scale = 1.0507009873554805f;
constexpr float selu_alpha = 1.6732632423543772f;  // Klambauer et al. 2017

template <Activation kind>
NARROWS_INLINE F activated(F x, F alpha) {
    const F zero = set(0.0f);
    switch (kind) {
        case Activation::linear:
            return x;
        case Activation::relu:
            return select(x <= zero, zero, x);
        case Activation::leaky_relu:
            return select(x <= zero, alpha * x, x);
        case Activation::elu: {
            const F below = alpha * expm1_of_negative(x);
            return select(x <= zero, below, x);
        }
        case Activation::selu: {
            const F below = set(selu_scale * selu_alpha) * expm1_of_negative(x);
            return select(x <= zero, below, set(selu_scale) * x);
        }
        case Activation::gelu:
            return gelu_of(x);
        case Activation::sigmoid:
            return sigmoid_of(x);
        case Activation::tanh:
            return tanh_of(x);
        case Activation::softplus:
            return softplus_of(x);
    }
    return x;
}

template <Activation kind>
NARROWS_INLINE F differentiated(F saved, F dy, F alpha) {
    const F zero = set(0.0f), one = set(1.0f);
    switch (kind) {
        case Activation::linear:
            return dy;
        case Activation::relu:
            return select(saved <= zero, zero, dy);
        case Activation::leaky_relu:
            return select(saved <= zero, alpha * dy, dy);
        case Activation::elu:
            return select(saved <= zero, dy * (saved + alpha), dy);
        case Activation::selu:
            return dy *
                   select(saved <= zero, saved + set(selu_scale * selu_alpha), set(selu_scale));
        case Activation::gelu:
            return dy * gelu_slope(saved);
        case Activation::sigmoid:
            return dy * (saved * (one - saved));
        case Activation::tanh:
            return dy * fused(negative(saved), saved, one);
        // y = log(1 + e^x), so sigmoid(x) = 1 - e^-y
        case Activation::softplus:
            return dy * negative(expm1_of_negative(negative(saved)));
    }
    return dy;
}

template <Activation kind>
void activate_all(float alpha, const float* x, float* y, std::size_t n) {
    const F a = set(alpha);
    map(x, y, n, [=](F v) NARROWS_LAMBDA { return activated<kind>(v, a); });
}
template <Activation kind>
void differentiate_all(float alpha, const float* saved, const float* dy, float* dz, std::size_t n) {
    const F a = set(alpha);
    map(saved, dy, dz, n, [=](F s, F d) NARROWS_LAMBDA { return differentiated<kind>(s, d, a); });
}

using Activate = void (*)(float, const float*, float*, std::size_t);
using Differentiate = void (*)(float, const float*, const float*, float*, std::size_t);
constexpr Activate activates[] = {
    activate_all<Activation::linear>,     activate_all<Activation::relu>,
    activate_all<Activation::leaky_relu>, activate_all<Activation::elu>,
    activate_all<Activation::selu>,       activate_all<Activation::gelu>,
    activate_all<Activation::sigmoid>,    activate_all<Activation::tanh>,
    activate_all<Activation::softplus>};
constexpr Differentiate differentiates[] = {
    differentiate_all<Activation::linear>,     differentiate_all<Activation::relu>,
    differentiate_all<Activation::leaky_relu>, differentiate_all<Activation::elu>,
    differentiate_all<Activation::selu>,       differentiate_all<Activation::gelu>,
    differentiate_all<Activation::sigmoid>,    differentiate_all<Activation::tanh>,
    differentiate_all<Activation::softplus>};

void activate(Activation kind, float alpha, const float* x, float* y, std::size_t n) {
    if (kind == Activation::linear && x == y) return;
    activates[static_cast<int>(kind)](alpha, x, y, n);
}
void activation_gradient(Activation kind, float alpha, const float* saved, const float* dy,
                         float* dz, std::size_t n) {
    if (kind == Activation::linear && dy == dz) return;
    // `saved` is not read for linear, and may be null.
    if (kind == Activation::linear)
        activates[0](alpha, dy, dz, n);
    else
        differentiates[static_cast<int>(kind)](alpha, saved, dy, dz, n);
}
