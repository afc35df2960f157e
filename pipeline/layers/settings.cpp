#include "pipeline/layers/settings.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace narrows::layers::settings {

simd::Activation activation_from(std::string_view name) {
    std::string_view rest = activation_choices;
    for (std::uint8_t index = 0; !rest.empty(); ++index) {  // in the order of the enumeration
        const std::size_t bar = std::min(rest.find('|'), rest.size());
        if (rest.substr(0, bar) == name) return static_cast<simd::Activation>(index);
        rest.remove_prefix(std::min(bar + 1, rest.size()));
    }
    throw Error(Fault::usage, "unknown activation '" + std::string(name) + "'",
                "known: " + std::string(activation_choices));
}

float alpha_of(simd::Activation activation, double set) {
    if (set != 0) return static_cast<float>(set);
    return activation == simd::Activation::elu ? 1.0f : 0.01f;
}

void initialise(Parameter& weight, std::string_view initialiser, simd::Activation activation,
                double fan_in, double fan_out, RandomKey key) {
    using simd::Activation;
    std::string_view kind = initialiser;
    if (kind == "auto") {
        const bool kin = activation == Activation::relu || activation == Activation::leaky_relu ||
                         activation == Activation::elu || activation == Activation::gelu ||
                         activation == Activation::softplus;
        kind = kin                              ? "he_uniform"
               : activation == Activation::selu ? "lecun_normal"
                                                : "glorot_uniform";
    }
    std::vector<float> values(weight.count());
    if (kind != "zeros") {
        const double variance = kind.starts_with("he")      ? 2 / fan_in
                                : kind.starts_with("lecun") ? 1 / fan_in
                                                            : 2 / (fan_in + fan_out);
        const simd::RandomStream stream{key.seed, key.node, 0, 0};
        const bool normal = kind.ends_with("normal");
        // Square roots are exactly rounded everywhere; a uniform value in [-b, b) has b^2 / 3.
        const auto bound = static_cast<float>(std::sqrt(normal ? variance : 3 * variance));
        if (normal)
            simd::kernels().normal(stream, 0, values.data(), values.size());
        else
            simd::kernels().uniform(stream, 0, values.data(), values.size());
        for (float& value : values) value = normal ? value * bound : (2 * value - 1) * bound;
    }
    weight.set_values(values);
}

}  // namespace narrows::layers::settings
