#include "pipeline/simd/scalar.hpp"

#include <bit>
#include <cmath>

namespace narrows::simd {
namespace {

constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
constexpr double pi = 3.14159265358979323846;

double power_of_two(int n) {  // -1022 ... 1023
    return std::bit_cast<double>(static_cast<std::uint64_t>(n + 1023) << 52);
}

}  // namespace

double exponential(double x) {
    if (!(x < 710)) return x != x ? x : std::numeric_limits<double>::infinity();
    if (x < -745.2) return 0;
    const double n = std::floor(x * 1.4426950408889634074 + 0.5);
    const double r = (x - n * ln2_high) - n * ln2_low;
    double sum = 1;  // Taylor; |r| <= ln 2 / 2, so the 14th term is below 2^-57
    for (int k = 13; k > 0; --k) sum = 1 + sum * r / k;
    const int whole = static_cast<int>(n), half = whole / 2;
    return sum * power_of_two(half) * power_of_two(whole - half);
}

double logarithm(double x) {
    if (!(x > 0))
        return x == 0 ? -std::numeric_limits<double>::infinity()
                      : std::numeric_limits<double>::quiet_NaN();
    if (x == std::numeric_limits<double>::infinity()) return x;
    int exponent = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p+54;
        exponent = -54;
    }
    const auto raw = std::bit_cast<std::uint64_t>(x);
    exponent += static_cast<int>(raw >> 52) - 1023;
    double m = std::bit_cast<double>((raw & 0xfffffffffffffu) | 0x3ff0000000000000u);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        ++exponent;
    }
    const double s = (m - 1) / (m + 1), z = s * s;  // z < 0.03: twelve terms are enough
    double sum = 0;
    for (int k = 12; k >= 0; --k) sum = sum * z + 1.0 / (2 * k + 1);
    return exponent * ln2_high + (2 * s * sum + exponent * ln2_low);
}

double sine(double x) {
    if (x > pi / 2) x = pi - x;
    const double z = x * x;
    double sum = 1;
    for (int k = 11; k > 0; --k) sum = 1 - sum * z / ((2 * k) * (2 * k + 1));
    return x * sum;
}

// Twice the arc tangent of sqrt((1 - x) / (1 + x)), its argument halved until the series is short.
double arc_cosine(double x) {
    if (x >= 1) return 0;
    if (x <= -1) return pi;
    if (x < 0) return pi - arc_cosine(-x);
    double t = std::sqrt((1 - x) / (1 + x));
    for (int halving = 0; halving < 3; ++halving) t = t / (1 + std::sqrt(1 + t * t));
    const double z = t * t;  // t <= tan(pi / 32)
    double sum = 0;
    for (int k = 9; k >= 0; --k) sum = 1.0 / (2 * k + 1) - sum * z;
    return 16 * t * sum;
}

}  // namespace narrows::simd
