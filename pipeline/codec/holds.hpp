// When a decoded value keeps its bound. Private to the codec: encoding decides by it, checking
// reports it.
#pragma once

#include <cmath>
#include <cstring>

#include "pipeline/codec/chunk.hpp"

namespace narrows::codec {

template <class T>
bool is_finite(T value) {
    if constexpr (std::is_floating_point_v<T>) return std::isfinite(value);
    return true;
}

// |a - b| in double; exact for whole numbers below 2^53 and nearly so for the others.
template <class T>
double distance(T a, T b) {
    if constexpr (std::is_integral_v<T> && sizeof(T) == 8) {
        const std::uint64_t apart =
            a > b ? static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b)
                  : static_cast<std::uint64_t>(b) - static_cast<std::uint64_t>(a);
        return static_cast<double>(apart);
    } else {
        return std::abs(static_cast<double>(a) - static_cast<double>(b));
    }
}

template <class T>
bool holds(T original, T decoded, const Bound& bound) {
    switch (bound.kind) {
        case Bound::Kind::exact:
            return std::memcmp(&original, &decoded, sizeof original) == 0;
        case Bound::Kind::absolute:
            return distance(original, decoded) <= bound.value;
        case Bound::Kind::pointwise:
            return distance(original, decoded) <=
                   bound.value * std::abs(static_cast<double>(original));
    }
    return false;
}

template <class T>
bool is_fill(T value, std::optional<double> fill) {
    return fill && static_cast<double>(value) == *fill;
}

}  // namespace narrows::codec
