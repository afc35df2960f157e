#include "pipeline/storage/convert.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace narrows::storage {

namespace {

struct Half {
    std::uint16_t bits;
    explicit operator float() const { return half_to_float(bits); }
    explicit operator double() const { return static_cast<double>(half_to_float(bits)); }
};

template <class T>
T load(const std::byte* from, std::size_t index) {
    T value;
    std::memcpy(&value, from + index * sizeof(T), sizeof(T));
    return value;
}

// The fill value as stored: written as a double it may lie beside the nearest float.
template <class T>
double nearest(double fill) {
    if constexpr (std::is_same_v<T, float>) return static_cast<double>(static_cast<float>(fill));
    return fill;
}

template <class T>
void convert(const std::byte* from, std::size_t count, const Packing& packing, float* to) {
    if (packing.identity()) {
        for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<float>(load<T>(from, i));
        return;
    }
    const bool has_fill = packing.fill.has_value() && !std::isnan(*packing.fill);
    const double fill = has_fill ? nearest<T>(*packing.fill) : 0;
    for (std::size_t i = 0; i < count; ++i) {
        const double value = static_cast<double>(load<T>(from, i));
        to[i] = has_fill && value == fill
                    ? std::numeric_limits<float>::quiet_NaN()
                    : static_cast<float>(value * packing.scale + packing.offset);
    }
}

}  // namespace

float half_to_float(std::uint16_t bits) {
    const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
    const std::uint32_t exponent = (bits >> 10) & 31u;
    const std::uint32_t fraction = bits & 0x3ffu;
    if (exponent == 0) {  // zero and subnormals: fraction * 2^-24, exact in f32
        const float value = static_cast<float>(fraction) * 0x1p-24f;
        return sign != 0 ? -value : value;
    }
    const std::uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
    return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
}

void to_float(Numeric type, const std::byte* from, std::size_t count, const Packing& packing,
              float* to) {
    switch (type) {
        case Numeric::i8:
            return convert<std::int8_t>(from, count, packing, to);
        case Numeric::u8:
            return convert<std::uint8_t>(from, count, packing, to);
        case Numeric::i16:
            return convert<std::int16_t>(from, count, packing, to);
        case Numeric::u16:
            return convert<std::uint16_t>(from, count, packing, to);
        case Numeric::i32:
            return convert<std::int32_t>(from, count, packing, to);
        case Numeric::u32:
            return convert<std::uint32_t>(from, count, packing, to);
        case Numeric::i64:
            return convert<std::int64_t>(from, count, packing, to);
        case Numeric::u64:
            return convert<std::uint64_t>(from, count, packing, to);
        case Numeric::f16:
            return convert<Half>(from, count, packing, to);
        case Numeric::f32:
            return convert<float>(from, count, packing, to);
        case Numeric::f64:
            return convert<double>(from, count, packing, to);
    }
}

void swap_bytes(std::byte* values, std::size_t count, std::size_t value_bytes) {
    for (std::size_t i = 0; i < count; ++i, values += value_bytes)
        for (std::size_t a = 0, b = value_bytes - 1; a < b; ++a, --b)
            std::swap(values[a], values[b]);
}

void check_countable(const Shape& shape, const std::string& name) {
    constexpr std::int64_t most = std::int64_t{1} << 56;
    std::int64_t left = most;  // an extent of 0 must not hide that the others are too large
    for (const std::int64_t extent : shape)
        if (extent < 0 || (left /= std::max<std::int64_t>(1, extent)) == 0)
            throw Error(Fault::input,
                        "\"" + name + "\" has an impossible shape, " + to_string(shape),
                        "the file may be damaged: fetch or make it again");
}

}  // namespace narrows::storage
