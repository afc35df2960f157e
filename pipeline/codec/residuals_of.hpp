// Values into residuals of what was predicted, one by one or by rows; what misses its bound joins a
// mask and is stored bit by bit.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "pipeline/codec/holds.hpp"
#include "pipeline/codec/lanes.hpp"
#include "pipeline/codec/predict.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::codec {

template <class T>
struct Encoder {
    const Bound& bound;
    Grid grid;
    bool log = false;
    const T* values;
    const double* wanted;             // what is predicted: values, or their logarithms
    std::vector<std::uint8_t>& mask;  // grows where a value misses its bound
    ResidualEncoder residuals;

    double value(std::size_t index, double prediction, Context context, std::uint32_t& magnitude) {
        prediction = grid.inside(prediction);
        if (mask[index] != 0) return missed(index, prediction);
        const double base = std::is_integral_v<T> ? to_whole(prediction) : prediction;
        const double exact = (wanted[index] - base) / grid.step;
        if (!(std::abs(exact) < static_cast<double>(largest_residual)))
            return missed(index, prediction);
        const double residual = to_whole(exact);
        double decoded;
        T stored{};
        if (log) {
            decoded = prediction + residual * grid.step;
            const double plain = simd::exponential(decoded);
            if constexpr (std::is_floating_point_v<T>)
                stored = static_cast<T>(restore<T>({}, values[index] < 0 ? -plain : plain, 0));
        } else {
            decoded = restore<T>(grid, prediction, residual);
            stored = static_cast<T>(decoded);
        }
        if (!holds(values[index], stored, bound)) return missed(index, prediction);
        const auto whole = static_cast<std::int64_t>(residual);
        magnitude = static_cast<std::uint32_t>(
            std::min<std::int64_t>(whole < 0 ? -whole : whole, largest_magnitude));
        residuals.put(whole, context);
        return decoded;
    }
    double missed(std::size_t index, double prediction) {
        mask[index] = 1;
        return log ? prediction : restore<T>(grid, prediction, 0);
    }
};

// Rows of a causal linear autoencoder; what misses its bound joins `mask`.
template <class T>
ResidualEncoder encode_rows(const RowModel& model, std::size_t lanes, const Grid& grid,
                            double bound, std::span<const T> values,
                            std::vector<std::uint8_t>& mask) {
    constexpr std::size_t wide = simd::coding_lanes;
    const std::size_t features = model.features;
    LaneWalk walk(model, values.size() / features, lanes, grid, lane_kind<T>());
    ResidualEncoder residuals(lanes, walk.steps() * lanes * features, model.tables.get());
    const bool whole = std::memchr(mask.data(), 1, mask.size()) == nullptr;
    std::fill_n(walk.values(), features * wide, std::numeric_limits<double>::quiet_NaN());
    for (std::size_t step = 0; step < walk.steps(); ++step) {
        const std::size_t active = walk.active(step);
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            double* const wanted = walk.values() + lane;
            const std::size_t at = walk.row(step, lane) * features;
            if (lane < active && whole) {
                for (std::size_t f = 0; f < features; ++f)
                    wanted[f * wide] = static_cast<double>(values[at + f]);
            } else {
                for (std::size_t f = 0; f < features; ++f)
                    wanted[f * wide] = lane < active && mask[at + f] == 0
                                           ? static_cast<double>(values[at + f])
                                           : std::numeric_limits<double>::quiet_NaN();
            }
        }
        residuals.row(walk.model(), walk.now(), bound);
        const auto all = static_cast<std::uint16_t>((1u << active) - 1);
        for (std::size_t f = 0; f < features; ++f)
            for (unsigned left = all & ~walk.coded()[f]; left != 0; left &= left - 1)
                mask[walk.row(step, static_cast<std::size_t>(std::countr_zero(left))) * features +
                     f] = 1;
        walk.advance();
    }
    return residuals;
}

}  // namespace narrows::codec
