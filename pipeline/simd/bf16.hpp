// Adam's two moments of a weight in the 32 bits of one float: the first in the upper half, the
// second in the lower, each a bf16 (the upper half of a float: its sign, its exponent, 7 bits of
// its fraction). Stored with stochastic rounding (Gupta et al. 2015): up with the probability of
// what is cut off, so that the expectation is the exact value. With beta2 = 0.999 a step moves the
// second moment by less than half a bf16's spacing, and rounding to nearest would stall it. Random
// numbers are a function of the key (one a step and parameter) and the value's place: here stated
// for one value, in optimisers.inl.hpp for many.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "pipeline/simd/kernels.hpp"

namespace narrows::simd {

inline float first_of_pair(float pair) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(pair) & 0xffff0000u);
}
inline float second_of_pair(float pair) {
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(pair) << 16);
}
// Rounded to nearest, halves to even: exact for what first_of_pair() and second_of_pair() gave.
inline std::uint32_t nearest_bf16(float x) {
    const auto bits = std::bit_cast<std::uint32_t>(x);
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}
inline float nearest_pair(float first, float second) {
    return std::bit_cast<float>(nearest_bf16(first) << 16 | nearest_bf16(second));
}

// A hash of 32 bits (Wellons 2018, lowbias32).
constexpr std::uint32_t mixed(std::uint32_t x) {
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return x ^ x >> 16;
}
// Added to the 16 bits that are cut off the first moment (lower half) and the second (upper half).
constexpr std::uint32_t rounding_bits(const std::array<std::uint32_t, 2>& key, std::size_t place) {
    return mixed(key[0] + static_cast<std::uint32_t>(place / panel_width)) ^
           mixed(key[1] + static_cast<std::uint32_t>(place % panel_width));
}
inline float rounded_pair(float first, float second, std::uint32_t bits) {
    const std::uint32_t high = std::bit_cast<std::uint32_t>(first) + (bits & 0xffffu);
    const std::uint32_t low = std::bit_cast<std::uint32_t>(second) + (bits >> 16);
    return std::bit_cast<float>((high & 0xffff0000u) | low >> 16);
}

}  // namespace narrows::simd
