// A distribution over 32 symbols that follows what it sees, and a mean of three of them as the
// coder's probabilities. Integers only: the decoder's distributions are the encoder's.
#pragma once

#include <algorithm>
#include <bit>

#include "pipeline/codec/rans.hpp"

namespace narrows::codec {

inline constexpr std::uint32_t symbol_count = 32;

// low[s]: share of all symbols below s, of rans_total; no symbol's share is ever 0. After a symbol
// each share moves towards it by 1 / 2^rate; the rate grows from 2 to `slowest` with what was seen.
struct Distribution {
    alignas(64) std::int32_t low[symbol_count];
    std::uint32_t seen = 0;

    void learn(std::uint32_t symbol, unsigned slowest) {
        const unsigned rate = std::min(slowest, 1u + static_cast<unsigned>(std::bit_width(seen + 1)));
        seen += seen < 4096;
        for (std::uint32_t s = 1; s < symbol_count; ++s) {
            // Gaps of the targets are at least 1, hence so are those of what moves there.
            const auto at = static_cast<std::int32_t>(s);
            const std::int32_t target =
                s <= symbol ? at : static_cast<std::int32_t>(rans_total - symbol_count) + at;
            low[s] += (target - low[s]) >> rate;
        }
    }
};

// Both sides falling off from the middle symbol by 1/2 a step.
Distribution two_sided();

struct Share {
    std::uint32_t start, size;
};

// Three views of the next symbol, the first one twice: shares of rans_total, none of them 0.
struct Views {
    Distribution &a, &b, &c;

    std::int32_t sum(std::uint32_t s) const { return 2 * a.low[s] + b.low[s] + c.low[s]; }
    Share share_of(std::uint32_t symbol) const {
        const auto at = [&](std::uint32_t s) {
            return s == symbol_count ? rans_total : static_cast<std::uint32_t>(sum(s)) >> 2;
        };
        const std::uint32_t start = at(symbol);
        return {start, at(symbol + 1) - start};
    }
    std::uint32_t symbol_at(std::uint32_t slot) const {
        std::uint32_t symbol = 0;
        const auto limit = static_cast<std::int32_t>(4 * slot + 3);  // sum / 4 <= slot
        for (std::uint32_t s = 1; s < symbol_count; ++s) symbol += sum(s) <= limit;
        return symbol;
    }
    void learn(std::uint32_t symbol) {
        a.learn(symbol, 7);
        b.learn(symbol, 7);
        c.learn(symbol, 7);
    }
};

}  // namespace narrows::codec
