// Where decoded values lie: prediction + whole number * step, rounded to the stored type. One rule:
// encoder and decoder run these very lines, in double, in this order, without contraction, so that
// they agree to the last bit.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "pipeline/codec/bytes.hpp"

namespace narrows::codec {

// To the nearest whole number, halves to even, for |x| < 2^51, by the default rounding of sums.
inline double to_whole(double x) {
    constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
    return (x + magic) - magic;
}

// Predictions are kept in [low, high], so that nothing can run away; all three are finite.
struct Grid {
    double step = 1, low = 0, high = 0;

    double inside(double prediction) const {
        if (!(prediction >= low)) prediction = low;  // also NaN
        return prediction > high ? high : prediction;
    }
};

// T: the stored type. Whole numbers stay whole and inside the range.
template <class T>
double restore(const Grid& grid, double prediction, double residual) {
    if constexpr (std::is_integral_v<T>) {
        const double value = to_whole(prediction) + residual * grid.step;
        return value < grid.low ? grid.low : value > grid.high ? grid.high : value;
    } else if constexpr (std::is_same_v<T, float>) {
        const double value = prediction + residual * grid.step;
        constexpr double most = std::numeric_limits<float>::max();
        return static_cast<double>(static_cast<float>(value < -most  ? -most
                                                      : value > most ? most
                                                                     : value));
    } else {
        return prediction + residual * grid.step;
    }
}

}  // namespace narrows::codec
