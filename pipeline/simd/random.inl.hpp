// Philox4x32-10 over the blocks of a sample: width / 2 blocks at once, one in each 64-bit lane, so
// that the 32 x 32 -> 64 bit products fall where the next round wants them. Upper halves hold
// rubbish that the products ignore. See random.hpp for the scalar statement.
constexpr std::size_t blocks_at_once = width / 2;
constexpr std::size_t values_at_once = 2 * width;

// Words 0 and 2 of each block side by side, and words 1 and 3.
struct Words {
    I even, odd;
};
struct PhiloxKey {
    std::uint32_t low, high;
};
NARROWS_INLINE PhiloxKey key_of(const RandomStream& stream) {
    return {static_cast<std::uint32_t>(stream.seed) ^ (stream.node * 0x9e3779b9u),
            static_cast<std::uint32_t>(stream.seed >> 32)};
}

// Blocks are counted in 32 bits; the sums' carries into the upper halves do no harm.
NARROWS_INLINE Words philox_words(const RandomStream& stream, PhiloxKey key, std::uint32_t block) {
    const L factor0 = set(std::uint64_t{0xd2511f53u}), factor1 = set(std::uint64_t{0xcd9e8d57u});
    L x0 = first_blocks() + set(std::uint64_t{block});
    L x1 = set(std::uint64_t{static_cast<std::uint32_t>(stream.sample)});
    L x2 = set(std::uint64_t{stream.sample >> 32});
    L x3 = set(std::uint64_t{stream.epoch});
#pragma GCC unroll 10
    for (int round = 0; round < 10; ++round) {
        const L product0 = product_of_lows(x0, factor0), product1 = product_of_lows(x2, factor1);
        x0 = high_to_low(product1) ^ x1 ^ set(std::uint64_t{key.low});
        x1 = product1;
        x2 = high_to_low(product0) ^ x3 ^ set(std::uint64_t{key.high});
        x3 = product0;
        key.low += 0x9e3779b9u;
        key.high += 0xbb67ae85u;
    }
    return {join_lows(x0, x2), join_lows(x1, x3)};
}

NARROWS_INLINE F uniform_of(I word) {
    return converted(shift_right_zero<8>(word)) * set(0x1p-24f);
}

// Box and Muller 1958, over words (0, 1) and (2, 3) of a block: radius from 1 - u in (0, 1].
NARROWS_INLINE void normal_of(const Words& words, F& first, F& second) {
    const F u = set(1.0f) - uniform_of(words.even);
    const F radius = square_root(set(-2.0f) * log_of_normal(u));
    const Turn turn = turn_of(words.odd);
    first = radius * turn.cosine;
    second = radius * turn.sine;
}

// Calls op(offset in y, count left, vector) for the elements first ... first + n - 1.
template <bool gaussian, class Op>
NARROWS_INLINE void each_random(const RandomStream& stream, std::size_t first, std::size_t n,
                                Op op) {
    const PhiloxKey key = key_of(stream);
    const std::size_t skip = first % 4;  // the first block may be entered in the middle
    auto block = static_cast<std::uint32_t>(first / 4);
    alignas(64) float spilled[values_at_once];
    for (std::size_t at = 0; at < n + skip;
         at += values_at_once, block += static_cast<std::uint32_t>(blocks_at_once)) {
        const Words words = philox_words(stream, key, block);
        F a, b;
        if constexpr (gaussian) {
            normal_of(words, a, b);
        } else {
            a = uniform_of(words.even);
            b = uniform_of(words.odd);
        }
        interleave(a, b);
        if (skip == 0) {
            op(at, n - at, a);
            if (at + width < n) op(at + width, n - at - width, b);
            continue;
        }
        store(spilled, a);
        store(spilled + width, b);
        const std::size_t begin = at == 0 ? skip : 0;
        std::size_t end = n + skip - at;
        if (end > values_at_once) end = values_at_once;
        for (std::size_t i = begin; i < end; i += width)
            op(at + i - skip, end - i, read(spilled + i, end - i));
    }
}

void uniform(const RandomStream& stream, std::size_t first, float* y, std::size_t n) {
    each_random<false>(stream, first, n, [=](std::size_t i, std::size_t left, F v) NARROWS_LAMBDA {
        write(y + i, v, left);
    });
}
void normal(const RandomStream& stream, std::size_t first, float* y, std::size_t n) {
    each_random<true>(stream, first, n, [=](std::size_t i, std::size_t left, F v) NARROWS_LAMBDA {
        write(y + i, v, left);
    });
}
void add_gaussian(const RandomStream& stream, float sigma, const float* x, float* y,
                  std::size_t n) {
    const F s = set(sigma);
    each_random<true>(stream, 0, n, [=](std::size_t i, std::size_t left, F v) NARROWS_LAMBDA {
        write(y + i, fused(s, v, read(x + i, left)), left);
    });
}
void mask(const RandomStream& stream, float rate, float value, float keep_factor, const float* x,
          float* y, std::size_t n) {
    const F r = set(rate), replaced = set(value), keep = set(keep_factor);
    each_random<false>(stream, 0, n, [=](std::size_t i, std::size_t left, F u) NARROWS_LAMBDA {
        write(y + i, select(u < r, replaced, read(x + i, left) * keep), left);
    });
}
void salt_and_pepper(const RandomStream& stream, float rate, float low, float high, const float* x,
                     float* y, std::size_t n) {
    const F r = set(rate), half = set(0.5f * rate), pepper = set(low), salt = set(high);
    each_random<false>(stream, 0, n, [=](std::size_t i, std::size_t left, F u) NARROWS_LAMBDA {
        write(y + i, select(u < r, select(u < half, pepper, salt), read(x + i, left)), left);
    });
}
