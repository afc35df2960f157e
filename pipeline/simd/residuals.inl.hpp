// One residual in and out: a symbol by three adaptive distributions, and low bits as they are.

NARROWS_INLINE std::uint32_t smaller_of(std::uint32_t a, std::uint32_t b) {
    return a < b ? a : b;
}
NARROWS_INLINE unsigned width_of(std::uint64_t v) {  // v > 0
    return 64u - static_cast<unsigned>(__builtin_clzll(v));
}

// The views of a context. What was never seen begins as the level's, which says most.
struct Views {
    const std::uint16_t *a, *b, *c;
};
NARROWS_INLINE void follow(ResidualTables& t, std::uint32_t index, const std::uint16_t* level) {
    if (t.seen[index] != 0) return;
    store_shares(t.of[index].over, load_shares(level));
    t.seen[index] = 6;
}
NARROWS_INLINE Views views_of(ResidualTables& t, std::uint32_t level, std::uint32_t side,
                              std::uint32_t pattern) {
    const std::uint32_t b = ResidualTables::sides + side, c = ResidualTables::patterns + pattern;
    follow(t, b, t.of[level].over);
    follow(t, c, t.of[level].over);
    return {t.of[level].over, t.of[b].over, t.of[c].over};
}
// Steps of 1/2^4 at first, of 1/2^7 in the end.
NARROWS_INLINE void learn_one(ResidualTables& t, std::uint32_t index, std::uint32_t symbol) {
    std::uint16_t* const over = t.of[index].over;
    const std::uint32_t seen = t.seen[index];
    if (seen >= 31) [[likely]] {
        store_shares(over, moved_to<true>(load_shares(over), symbol, 7));
        return;
    }
    t.seen[index] = static_cast<std::uint8_t>(seen + 1);
    store_shares(over, moved_to<false>(load_shares(over), symbol, 1 + width_of(seen + 1)));
}
NARROWS_INLINE void learn(ResidualTables& t, std::uint32_t level, std::uint32_t side,
                          std::uint32_t pattern, std::uint32_t symbol) {
    learn_one(t, level, symbol);
    learn_one(t, ResidualTables::sides + side, symbol);
    learn_one(t, ResidualTables::patterns + pattern, symbol);
}

// Low bits that are coded as they are: the coarse part then lies within a few units.
NARROWS_INLINE unsigned low_bits(std::uint32_t level) {
    return level < 16 ? 0 : (level - 14) / 2;
}

// Elias gamma of rest + 1; rest < 2^42.
NARROWS_INLINE void put_rest(BitWriter& w, std::uint64_t rest) {
    const unsigned length = width_of(rest + 1);
    put_bits(w, length, 6);
    put_bits(w, (rest + 1) & ((std::uint64_t{1} << (length - 1)) - 1), length - 1);
}
NARROWS_INLINE std::int64_t take_rest(BitReader& r, bool& damaged) {
    const auto length = static_cast<unsigned>(take_bits(r, 6, damaged));
    if (length == 0 || length > 43) {
        damaged = true;
        return 0;
    }
    return static_cast<std::int64_t>(take_bits(r, length - 1, damaged) +
                                     (std::uint64_t{1} << (length - 1)) - 1);
}

constexpr std::int64_t middle_symbol = 16, last_symbol = 31;  // of coarse part 0; beyond: 0 and 31

// Where the symbol's share starts << 16 | its size.
NARROWS_INLINE std::uint32_t share_of(const Views& v, std::uint32_t symbol) {
    alignas(64) std::uint16_t over[residual_symbols + 2];
    store_shares(over, average(load_shares(v.a), average(load_shares(v.b), load_shares(v.c))));
    over[residual_symbols] = 65504;
    return (over[symbol] + symbol) << 16 | (over[symbol + 1] + 1u - over[symbol]);
}

NARROWS_INLINE std::uint32_t put_one(ResidualTables& tables, BitWriter& bits, std::uint32_t level,
                                     std::uint32_t side, std::uint32_t pattern,
                                     std::int64_t residual, std::uint32_t& symbol) {
    const unsigned shift = low_bits(level);
    const std::int64_t moved = residual + (std::int64_t{1} << shift >> 1);
    const std::int64_t coarse = moved >> shift, wanted = coarse + middle_symbol;
    symbol = static_cast<std::uint32_t>(wanted < 0             ? 0
                                        : wanted > last_symbol ? last_symbol
                                                               : wanted);
    const Views v = views_of(tables, level, side, pattern);
    if (symbol == 0) put_rest(bits, static_cast<std::uint64_t>(-wanted));
    if (symbol == last_symbol) put_rest(bits, static_cast<std::uint64_t>(wanted - last_symbol));
    if (shift > 0)
        put_bits(bits, static_cast<std::uint64_t>(moved) & ((std::uint64_t{1} << shift) - 1),
                 shift);
    return share_of(v, symbol);
}

NARROWS_INLINE std::int64_t take_one(ResidualReader& r, std::uint32_t& state, std::uint32_t level,
                                     std::uint32_t side, std::uint32_t pattern,
                                     std::uint32_t& symbol) {
    const unsigned shift = low_bits(level);
    const Views v = views_of(*r.tables, level, side, pattern);
    const Shares low =
        lows_of(average(load_shares(v.a), average(load_shares(v.b), load_shares(v.c))));
    const std::uint32_t slot = state & 0xffff;
    symbol = count_up_to(low, slot) - 1;
    alignas(64) std::uint16_t all[residual_symbols + 2];
    store_shares(all, low);
    all[residual_symbols] = 0;  // 65536
    const std::uint32_t start = all[symbol], size = (all[symbol + 1] - start) & 0xffff;
    std::uint32_t x = size * (state >> 16) + slot - start;
    std::uint16_t word;
    __builtin_memcpy(&word, r.word, 2);
    const bool refill = x < 65536;
    x = refill ? x << 16 | word : x;
    r.word += refill ? 2 : 0;
    state = x;
    std::int64_t coarse = static_cast<std::int64_t>(symbol) - middle_symbol;
    if (symbol == 0 || symbol == last_symbol) {
        const std::int64_t rest = take_rest(r.bits, r.damaged);
        coarse += symbol == 0 ? -rest : rest;
        // No encoder goes that far; what is coarse must not overflow below.
        if (rest > std::int64_t{1} << 42 >> shift) {
            r.damaged = true;
            return 0;
        }
    }
    if (shift == 0) return coarse;
    const auto low_part = static_cast<std::int64_t>(take_bits(r.bits, shift, r.damaged));
    return coarse * (std::int64_t{1} << shift) + low_part - (std::int64_t{1} << shift >> 1);
}

void put_residual(ResidualWriter& w, const ResidualContext& c, std::int64_t residual) {
    std::uint32_t symbol;
    *w.step++ = put_one(*w.tables, w.bits, c.level, c.side, c.pattern, residual, symbol);
    learn(*w.tables, c.level, c.side, c.pattern, symbol);
}
std::int64_t take_residual(ResidualReader& r, const ResidualContext& c) {
    std::uint32_t symbol;
    const std::int64_t residual = take_one(r, r.state[0], c.level, c.side, c.pattern, symbol);
    learn(*r.tables, c.level, c.side, c.pattern, symbol);
    if (r.word > r.end) r.damaged = true;
    return residual;
}
