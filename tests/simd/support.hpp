// Shared by the tests of the kernels: odd lengths, numbers with character, equality of bits.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "pipeline/simd/kernels.hpp"
#include "tests/catch.hpp"

namespace narrows::test {

using simd::Kernels;
using simd::Level;

inline const std::vector<std::size_t>& lengths() {
    static const std::vector<std::size_t> all{0,  1,  2,  3,  4,  5,  7,  8,  9,  15, 16,  17,
                                              23, 31, 32, 33, 47, 48, 49, 63, 64, 65, 127, 784};
    return all;
}

// A small generator of its own: the tests must not depend on what they test.
class Numbers {
public:
    explicit Numbers(std::uint64_t seed) : state_(seed * 2 + 1) {}
    double unit() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<double>(state_ >> 11) * 0x1p-53;
    }
    float between(double low, double high) {
        return static_cast<float>(low + (high - low) * unit());
    }
    std::vector<float> vector(std::size_t n, double low = -1, double high = 1) {
        std::vector<float> out(n);
        for (float& x : out) x = between(low, high);
        return out;
    }

private:
    std::uint64_t state_;
};

// Equal bits; any NaN equals any NaN, since a NaN's sign and payload carry no meaning.
inline bool same_bits(float a, float b) {
    return (std::isnan(a) && std::isnan(b)) ||
           std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}
inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!same_bits(a[i], b[i])) return false;
    return true;
}
inline bool same_bits(double a, double b) {
    return (std::isnan(a) && std::isnan(b)) ||
           std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

// Floats that try the edges of a function: limits, denormals, zeros of both signs, NaN.
inline std::vector<float> difficult() {
    constexpr float inf = std::numeric_limits<float>::infinity();
    std::vector<float> out{0.0f,
                           -0.0f,
                           1.0f,
                           -1.0f,
                           inf,
                           -inf,
                           NAN,
                           0x1p-149f,
                           -0x1p-149f,
                           0x1p-126f,
                           -0x1p-126f,
                           0x1.8p-130f,
                           1e-20f,
                           -1e-20f,
                           88.72f,
                           88.73f,
                           -87.3f,
                           -87.4f,
                           -103.9f,
                           -104.1f,
                           200.0f,
                           -200.0f,
                           1e30f,
                           -1e30f,
                           std::numeric_limits<float>::max(),
                           std::numeric_limits<float>::lowest(),
                           0.5f,
                           2.0f,
                           16.6f,
                           -16.6f,
                           1e-7f};
    return out;
}

// Distance in units of the last place of the exact result.
inline double ulps(float got, double exact) {
    const float near = static_cast<float>(exact);
    if (same_bits(got, near)) return 0;
    if (!std::isfinite(near) || !std::isfinite(got))
        return std::isfinite(near) == std::isfinite(got) ? 0 : 1e9;
    int exponent = 0;
    std::frexp(exact, &exponent);
    const double unit = std::ldexp(1.0, std::max(exponent - 24, -149));
    return std::abs(static_cast<double>(got) - exact) / unit;
}

inline const Kernels& portable() {
    return *simd::table(Level::portable);
}

// Runs `work` for each level of this machine.
inline void each_level(const std::function<void(const Kernels&)>& work) {
    for (Level level : simd::available()) {
        const Kernels& k = *simd::table(level);
        INFO("level " << std::string(k.name));
        work(k);
    }
}

inline constexpr float untouched = 12345.0f;  // what nobody may write over

// A dense layer's step, two parts for each panel.
inline void step_in_parts(void (*step)(const simd::DenseStep&), simd::DenseStep d) {
    for (d.panel = 0; d.panel < simd::panel_count(d.outputs); ++d.panel)
        for (const auto& [first, last] :
             {std::pair<std::size_t, std::size_t>{0, 24}, {24, d.inputs}}) {
            d.first = first;
            d.last = last;
            step(d);
        }
}

// B [k, n] in panels.
inline std::vector<float> packed(const std::vector<float>& b, std::size_t k, std::size_t n) {
    std::vector<float> panels(simd::panels_size(k, n));
    simd::pack(b.data(), k, n, panels.data());
    return panels;
}

}  // namespace narrows::test
