// What the coding kernels of the codec (pipeline/codec, FORMAT.md) work on: adaptive distributions,
// an interleaved rANS coder, and the walk of a causal linear predictor over sixteen lanes of rows.
// One rule: integers, and doubles and floats in the written order without contraction, so that an
// encoder and a decoder of any level agree to the last bit.
#pragma once

#include "pipeline/simd/kernels.hpp"

namespace narrows::simd {

inline constexpr std::size_t coding_lanes = 16;
inline constexpr std::size_t residual_symbols = 32;
inline constexpr std::uint32_t residual_levels = 72, residual_views = 256;

// Of 65536 the symbols below s have over[s] + s: each has one, and over[s] from 0 to 65504 never
// falls with s.
struct alignas(64) Distribution {
    std::uint16_t over[residual_symbols];
};
// Of levels, then sides, then patterns; `seen` saturates at 31.
struct ResidualTables {
    static constexpr std::uint32_t sides = residual_levels, patterns = sides + residual_views,
                                   count = patterns + residual_views;
    Distribution of[count];
    std::uint8_t seen[count];
};

// Where the next residual stands: its views, below residual_levels and twice residual_views.
struct ResidualContext {
    std::uint32_t level, side, pattern;
};

// Bits as they are, lowest first. `at` must have room for 8 bytes more than is written.
struct BitWriter {
    std::uint8_t* at = nullptr;
    std::uint64_t pending = 0;
    unsigned fill = 0;  // bits of `pending`, below 8
};
// 8 bytes behind the last one may be read.
struct BitReader {
    const std::uint8_t* bytes = nullptr;
    std::uint64_t at = 0, end = 0;  // in bits
};
// Always inline: one definition for the kernels, each with its instructions, and the codec's side
// data.
[[gnu::always_inline]] static inline void put_bits(BitWriter& w, std::uint64_t value,
                                                   unsigned count) {  // count <= 56
    w.pending |= value << w.fill;
    __builtin_memcpy(w.at, &w.pending, 8);
    const unsigned fill = w.fill + count;
    w.at += fill / 8;
    w.pending = fill >= 64 ? 0 : w.pending >> (fill & ~7u);
    w.fill = fill & 7;
}
[[gnu::always_inline]] static inline std::uint64_t take_bits(BitReader& r, unsigned count,
                                                             bool& damaged) {  // count <= 56
    if (count > r.end - r.at) {
        damaged = true;
        return 0;
    }
    std::uint64_t word;
    __builtin_memcpy(&word, r.bytes + r.at / 8, 8);
    const std::uint64_t value = word >> (r.at & 7) & ((std::uint64_t{1} << count) - 1);
    r.at += count;
    return value;
}

// `step` takes a share (start << 16 | size) for each lane and place, 0 where nothing is coded; the
// states are run over it backwards, afterwards.
struct ResidualWriter {
    ResidualTables* tables = nullptr;
    std::uint32_t* step = nullptr;
    BitWriter bits;
};
// `word` may be read to 64 bytes behind `end`.
struct ResidualReader {
    ResidualTables* tables = nullptr;
    std::uint32_t state[coding_lanes] = {};
    const std::uint8_t *word = nullptr, *end = nullptr;  // of 16 bits
    BitReader bits;
    bool damaged = false;
};
inline constexpr std::size_t residual_most_bytes = 16;  // that one residual adds to the bits

// How a value follows from prediction p and residual r: p + r * step, rounded to float or not;
// or, of whole numbers, round(p) + r * step within [low, high].
enum class LaneKind : std::uint8_t { single, real, whole };

// A causal linear predictor over rows, by place in the coding order.
struct LaneModel {
    std::size_t places = 0;
    const std::uint32_t* feature = nullptr;  // [places]
    const std::uint32_t* first = nullptr;    // [places + 1], into the terms
    const std::int32_t* from = nullptr;  // of a term: offset from the row's first value, in doubles
    const double* weight = nullptr;      // of a term
    const double* mean = nullptr;        // [places]
    bool side_is_place = false;
    LaneKind kind = LaneKind::single;
    double step = 1, low = 0, high = 0;  // predictions are kept in [low, high]
};

// One row of each lane; [16] is always the last axis.
struct LaneRow {
    double* here = nullptr;           // [features, 16] values - mean; rows before lie in front
    float* activity = nullptr;        // [places, 16] how large residuals were here
    std::int32_t* history = nullptr;  // [places, 16] the last two, at most 3 each
    double* values = nullptr;         // [features, 16] encoder: wanted, NaN: none; decoder: decoded
    std::uint16_t* coded =
        nullptr;            // [features] lanes that have a residual: encoder out, decoder in
    std::size_t lanes = 0;  // that have a state, at most 16
};

struct CodingKernels {
    // One residual after another (state 0), each learned at once.
    void (*put_residual)(ResidualWriter& to, const ResidualContext& context, std::int64_t residual);
    std::int64_t (*take_residual)(ResidualReader& from, const ResidualContext& context);
    // A row of each lane. The encoder codes what lies within `bound` of what is wanted.
    void (*encode_row)(const LaneModel& m, const LaneRow& r, double bound, ResidualWriter& to);
    void (*decode_row)(const LaneModel& m, const LaneRow& r, ResidualReader& from);
};
// Of a level; null if not available here.
NARROWS_PUBLIC const CodingKernels* coding_table(Level level);
// Of the level in use (kernels.hpp).
NARROWS_PUBLIC const CodingKernels& coding_kernels();

}  // namespace narrows::simd
