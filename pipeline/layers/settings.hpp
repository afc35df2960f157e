// What layers read from their settings by name: activations and first weights.
#pragma once

#include <string>
#include <string_view>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers::settings {

inline constexpr std::string_view activation_choices =
    "linear|relu|leaky_relu|elu|selu|gelu|sigmoid|tanh|softplus";
inline constexpr std::string_view initialiser_choices =
    "auto|glorot_uniform|glorot_normal|he_uniform|he_normal|lecun_uniform|lecun_normal|zeros";

simd::Activation activation_from(std::string_view name);  // throws Error(usage)

inline constexpr std::string_view alpha_doc =
    "slope of leaky_relu (0: 0.01), scale of elu (0: 1, Clevert et al. 2016)";
// What "alpha" means for an activation: as set, or the field's usual value.
float alpha_of(simd::Activation activation, double set);

// First values of `weight`: variance 2 / (fan_in + fan_out) for glorot, 2 / fan_in for he,
// 1 / fan_in for lecun. auto: he_uniform for relu and its kin, lecun_normal for selu, else
// glorot_uniform.
void initialise(Parameter& weight, std::string_view initialiser, simd::Activation activation,
                double fan_in, double fan_out, RandomKey key);

}  // namespace narrows::layers::settings
