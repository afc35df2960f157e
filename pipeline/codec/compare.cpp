// Every value of a chunk against its bound, in double.
#include <algorithm>

#include "pipeline/codec/holds.hpp"

namespace narrows::codec {
namespace {

template <class T>
void compare_each(std::span<const T> original, std::span<const T> decoded, const Bound& bound,
                  std::optional<double> fill, ChunkReport& report) {
    for (std::size_t i = 0; i < original.size(); ++i) {
        ++report.values;
        const bool odd = !is_finite(original[i]) || is_fill(original[i], fill);
        if (!holds(original[i], decoded[i], odd ? Bound{} : bound)) ++report.violations;
        if (odd) continue;
        ++report.measured;
        double error = distance(original[i], decoded[i]);
        report.squared_error += error * error;
        if (bound.kind == Bound::Kind::pointwise && original[i] != T{})
            error /= std::abs(static_cast<double>(original[i]));
        report.max_error = error > report.max_error || error != error ? error : report.max_error;
    }
}

// Blocks of floating-point numbers that are all finite and no fill, in four interleaved sums; all
// else value by value.
template <class T>
void compare_values(std::span<const T> original, std::span<const T> decoded, const Bound& bound,
                    std::optional<double> fill, ChunkReport& report) {
    constexpr std::size_t block = 512, ways = 4;
    std::size_t at = 0;
    if constexpr (std::is_floating_point_v<T>)
        for (; bound.kind == Bound::Kind::absolute && at + block <= original.size(); at += block) {
            const double no_fill = std::numeric_limits<double>::quiet_NaN(),
                         filled = fill.value_or(no_fill);
            double squares[ways] = {}, most[ways] = {};
            std::uint64_t good[ways] = {};
            for (std::size_t i = at; i < at + block; i += ways)
                for (std::size_t way = 0; way < ways; ++way) {
                    const auto a = static_cast<double>(original[i + way]);
                    const double error = std::abs(a - static_cast<double>(decoded[i + way]));
                    // False for what is not finite, too.
                    good[way] += static_cast<std::uint64_t>(error <= bound.value) &
                                 static_cast<std::uint64_t>(a != filled);
                    squares[way] += error * error;
                    most[way] = error > most[way] ? error : most[way];
                }
            const auto a = original.subspan(at, block), b = decoded.subspan(at, block);
            if (good[0] + good[1] + good[2] + good[3] != block) {
                compare_each<T>(a, b, bound, fill, report);
                continue;
            }
            report.values += block;
            report.measured += block;
            report.squared_error += (squares[0] + squares[1]) + (squares[2] + squares[3]);
            report.max_error = std::max({report.max_error, most[0], most[1], most[2], most[3]});
        }
    compare_each<T>(original.subspan(at), decoded.subspan(at), bound, fill, report);
}

}  // namespace

void compare(Numeric type, std::span<const std::byte> original, std::span<const std::byte> decoded,
             const Bound& bound, std::optional<double> fill, ChunkReport& report) {
    const bool known = with_type(type, [&]<class T>() {
        const std::size_t count = original.size() / sizeof(T);
        compare_values<T>({reinterpret_cast<const T*>(original.data()), count},
                          {reinterpret_cast<const T*>(decoded.data()), count}, bound, fill, report);
    });
    if (known) return;
    const std::size_t width = storage::size_of(type);
    for (std::size_t at = 0; at + width <= original.size(); at += width) {
        ++report.values;
        report.violations += std::memcmp(original.data() + at, decoded.data() + at, width) != 0;
    }
}

}  // namespace narrows::codec
