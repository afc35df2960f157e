// Codes residuals - small whole numbers around 0 - by what their neighbours were. A residual is cut
// into a coarse part of 32 symbols, whose distribution is learned by context, and low bits that are
// close to uniform. The work is done by kernels (pipeline/simd/residuals.hpp). One rule: contexts
// are made of residuals that the decoder already has.
#pragma once

#include <algorithm>
#include <bit>
#include <memory>

#include "pipeline/codec/model.hpp"
#include "pipeline/codec/rans.hpp"
#include "pipeline/simd/residuals.hpp"

namespace narrows::codec {

inline constexpr std::int64_t largest_residual = std::int64_t{1} << 40;
inline constexpr std::uint32_t side_count = simd::residual_views;
inline constexpr std::size_t most_lanes = simd::coding_lanes;

// What is known about the next residual: the expected magnitude in 1/256, and two other views (the
// feature, a pattern of neighbours), each below side_count.
struct Context {
    std::uint32_t scale, side, pattern;
};

// Twice the binary logarithm of the scale, roughly.
inline std::uint32_t level_of(std::uint32_t scale) {
    const std::uint32_t v = scale + 6;
    const auto width = static_cast<std::uint32_t>(std::bit_width(v));  // >= 3
    return std::min(simd::residual_levels - 1, 2 * (width - 3) + (v >> (width - 2) & 1));
}
inline simd::ResidualContext view(Context context) {
    return {level_of(context.scale), context.side, context.pattern};
}

std::unique_ptr<simd::ResidualTables> new_tables();
// The usual ones, but for the levels that `start` has; null: it has none.
std::shared_ptr<const simd::ResidualTables> tables_of(const CodingStart& start);
// The levels of tables that have seen enough.
std::vector<CodingStart::Level> levels_of(const simd::ResidualTables& tables);

// One residual after another (one lane), or rows of lanes.
class ResidualEncoder {
public:
    // `expected` residuals; `start`: null for the usual tables.
    explicit ResidualEncoder(std::size_t lanes = 1, std::size_t expected = 0,
                             const simd::ResidualTables* start = nullptr);
    void put(std::int64_t residual, Context context) {
        reserve(1);
        kernels_.put_residual(writer_, view(context), residual);
    }
    void row(const simd::LaneModel& model, const simd::LaneRow& row, double bound) {
        reserve(model.places * lanes_);
        kernels_.encode_row(model, row, bound, writer_);
    }
    // Below 2^bits, each value as likely as not; bits <= 56.
    void uniform(std::uint64_t value, unsigned bits);
    // Once, at the end.
    Bytes finish();
    const simd::ResidualTables& tables() const { return *tables_; }  // as they are now

private:
    void reserve(std::size_t residuals) {
        const auto steps = static_cast<std::size_t>(writer_.step - steps_.get());
        const auto bytes = static_cast<std::size_t>(writer_.bits.at - bits_.get());
        if (step_room_ - steps < residuals ||
            bit_room_ - bytes < residuals * simd::residual_most_bytes + 8)
            grow(steps, bytes, residuals);
    }
    void grow(std::size_t steps, std::size_t bytes, std::size_t residuals);

    const simd::CodingKernels& kernels_ = simd::coding_kernels();
    std::size_t lanes_;
    std::unique_ptr<simd::ResidualTables> tables_;
    std::unique_ptr<std::uint32_t[]> steps_;  // not cleared: there are many
    std::unique_ptr<std::uint8_t[]> bits_;
    std::size_t step_room_ = 0, bit_room_ = 0;
    simd::ResidualWriter writer_;
};

// Throws Damaged.
class ResidualDecoder {
public:
    explicit ResidualDecoder(std::span<const std::byte> stream, std::size_t lanes = 1,
                             const simd::ResidualTables* start = nullptr);
    std::int64_t take(Context context) {
        const std::int64_t residual = kernels_.take_residual(reader_, view(context));
        check();
        return residual;
    }
    void row(const simd::LaneModel& model, const simd::LaneRow& row) {
        kernels_.decode_row(model, row, reader_);
        check();
    }
    std::uint64_t uniform(unsigned bits);
    // Was everything taken? Else the stream is damaged.
    void end() const;

private:
    void check() const {
        if (reader_.damaged) throw Damaged{"coded values"};
    }
    const simd::CodingKernels& kernels_ = simd::coding_kernels();
    std::size_t lanes_;
    std::unique_ptr<simd::ResidualTables> tables_;
    Bytes bits_, words_;  // with room behind them
    simd::ResidualReader reader_;
};

}  // namespace narrows::codec
