// Codes residuals - small whole numbers around 0 - by what their neighbours were. A residual is cut
// into a coarse part of 32 symbols, whose distribution is learned by context, and low bits that are
// close to uniform. One rule: contexts are made of residuals that the decoder already has, with
// integers only.
#pragma once

#include <memory>

#include "pipeline/codec/adaptive.hpp"

namespace narrows::codec {

inline constexpr std::int64_t largest_residual = std::int64_t{1} << 40;

// What is known about the next residual: the expected magnitude in 1/256, and two other views (the
// feature, a pattern of neighbours), each below side_count.
struct Context {
    std::uint32_t scale, side, pattern;
};
inline constexpr std::uint32_t level_count = 72, side_count = 256;

// Twice the binary logarithm of the scale, roughly.
inline std::uint32_t level_of(std::uint32_t scale) {
    const std::uint32_t v = scale + 6;
    const auto width = static_cast<std::uint32_t>(std::bit_width(v));  // >= 3
    return std::min(level_count - 1, 2 * (width - 3) + (v >> (width - 2) & 1));
}
// Low bits that are coded as they are: the coarse part then lies within a few units.
inline unsigned shift_of(std::uint32_t level) { return level < 16 ? 0 : (level - 14) / 2; }

class ResidualModel {
public:
    ResidualModel();
    Views views(std::uint32_t level, const Context& context) {
        return {(*levels_)[level], (*sides_)[context.side], (*patterns_)[context.pattern]};
    }

private:
    std::unique_ptr<std::array<Distribution, level_count>> levels_;
    std::unique_ptr<std::array<Distribution, side_count>> sides_, patterns_;
};

inline constexpr std::int64_t middle = 16;  // the symbol of coarse part 0; 0 and 31: beyond

class ResidualEncoder {
public:
    void put(std::int64_t residual, Context context) {
        const std::uint32_t level = level_of(context.scale);
        const unsigned shift = shift_of(level);
        const std::int64_t half = shift == 0 ? 0 : std::int64_t{1} << (shift - 1);
        const std::int64_t coarse = (residual + half) >> shift;
        const std::int64_t wanted = std::clamp<std::int64_t>(coarse + middle, 0, symbol_count - 1);
        const auto symbol = static_cast<std::uint32_t>(wanted);
        Views views = model_.views(level, context);
        const Share share = views.share_of(symbol);
        coder_.put(share.start, share.size);
        views.learn(symbol);
        if (symbol == 0) beyond(static_cast<std::uint64_t>(-middle - coarse));
        if (symbol == symbol_count - 1) beyond(static_cast<std::uint64_t>(coarse + middle + 1 - symbol_count));
        raw(static_cast<std::uint64_t>(residual + half) & ((std::uint64_t{1} << shift) - 1), shift);
    }
    // Below 2^bits, each value as likely as not.
    void uniform(std::uint32_t value, unsigned bits) { raw(value, bits); }
    Bytes finish() const { return coder_.finish(); }

private:
    void beyond(std::uint64_t rest) {  // Elias gamma of rest + 1
        const auto width = static_cast<unsigned>(std::bit_width(rest + 1));
        coder_.bits(width, 6);
        raw(rest + 1 - (std::uint64_t{1} << (width - 1)), width - 1);
    }
    void raw(std::uint64_t value, unsigned bits) {
        for (; bits > rans_raw_bits; bits -= rans_raw_bits, value >>= rans_raw_bits)
            coder_.bits(static_cast<std::uint32_t>(value & ((1u << rans_raw_bits) - 1)), rans_raw_bits);
        coder_.bits(static_cast<std::uint32_t>(value), bits);
    }

    ResidualModel model_;
    RansEncoder coder_;
};

class ResidualDecoder {
public:
    explicit ResidualDecoder(std::span<const std::byte> stream) : coder_(stream) {}
    std::int64_t take(Context context) {
        const std::uint32_t level = level_of(context.scale);
        const unsigned shift = shift_of(level);
        const std::int64_t half = shift == 0 ? 0 : std::int64_t{1} << (shift - 1);
        Views views = model_.views(level, context);
        const std::uint32_t symbol = views.symbol_at(coder_.slot());
        const Share share = views.share_of(symbol);
        coder_.advance(share.start, share.size);
        views.learn(symbol);
        std::int64_t coarse = static_cast<std::int64_t>(symbol) - middle;
        if (symbol == 0) coarse -= beyond();
        if (symbol == symbol_count - 1) coarse += beyond();
        return coarse * (std::int64_t{1} << shift) + static_cast<std::int64_t>(raw(shift)) - half;
    }
    std::uint32_t uniform(unsigned bits) { return static_cast<std::uint32_t>(raw(bits)); }
    void end() const { coder_.end(); }

private:
    std::int64_t beyond() {
        const unsigned width = coder_.bits(6);
        if (width == 0 || width > 42) throw Damaged{"residual"};
        return static_cast<std::int64_t>(raw(width - 1) + (std::uint64_t{1} << (width - 1)) - 1);
    }
    std::uint64_t raw(unsigned bits) {
        std::uint64_t value = 0;
        unsigned at = 0;
        for (; bits - at > rans_raw_bits; at += rans_raw_bits)
            value |= static_cast<std::uint64_t>(coder_.bits(rans_raw_bits)) << at;
        return value | static_cast<std::uint64_t>(coder_.bits(bits - at)) << at;
    }

    ResidualModel model_;
    RansDecoder coder_;
};

}  // namespace narrows::codec
