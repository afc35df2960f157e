NARROWS_INLINE bool is_plain(const AdamStep& step) {
    return step.gradient_scale == 1 && step.decay == 0;
}
// plain: neither clipped nor decaying, which most runs are.
template <bool plain>
struct AdamConstants {
    explicit AdamConstants(const AdamStep& step)
        : epsilon(set(step.epsilon)),
          rest1(set(1.0f - step.beta1)),
          rest2(set(1.0f - step.beta2)),
          correction2(set(step.correction2)),
          decay(set(step.decay)),
          clip(set(step.gradient_scale)),
          rate(set(-step.rate * step.correction1)),
          keep(set(1.0f - step.rate * step.decoupled_decay)) {}
    F epsilon, rest1, rest2, correction2, decay, clip, rate, keep;
};
// A moment without gradients shrinks for ever and would stay among the denormal numbers, which
// double the time of a step. A sum with 2^23 quanta and back rounds it to whole quanta, the
// smallest of all to 0; what is lost is far below what moves a weight. (Comparing and selecting
// costs more.)
NARROWS_INLINE F in_quanta(F moment, float quantum) {
    const F many = set(quantum * 0x1p+23f);
    return (moment + many) - many;
}

// One vector of weights, given its gradient; `weight`, `mean` and `variance` become the new ones.
template <bool plain>
NARROWS_INLINE void adam_vector(const AdamConstants<plain>& c, F gradient, F& weight, F& mean,
                                F& variance) {
    const F slope = plain ? gradient : fused(c.decay, weight, gradient * c.clip);
    mean = in_quanta(fused(c.rest1, slope - mean, mean), 0x1p-110f);
    variance =
        in_quanta(fused(c.rest2, fused(slope, slope, negative(variance)), variance), 0x1p-124f);
    const F size = square_root(variance * c.correction2) + c.epsilon;
    weight = fused(weight, c.keep, quotient(c.rate * mean, size));
}

// The moments as they lie in memory: an array each, or both of a weight in one word. What a row of
// 32 values has in common is asked for once, by the place of any of them.
struct ApartMoments {
    struct Row {};
    float *mean, *variance;

    NARROWS_INLINE Row row(std::size_t) const { return {}; }
    NARROWS_INLINE void read_at(std::size_t at, std::size_t left, F& m, F& v) const {
        m = read(mean + at, left);
        v = read(variance + at, left);
    }
    NARROWS_INLINE void write_at(Row, std::size_t at, std::size_t left, F m, F v) const {
        write(mean + at, m, left);
        write(variance + at, v, left);
    }
    NARROWS_INLINE void prefetch(std::size_t at) const {
        prefetch_to_write(mean + at);
        prefetch_to_write(variance + at);
    }
};
// A random number is that of its row of 32 values (scalar work, beside the vectors') with that of
// its place in the row; bf16.hpp states it for one value.
struct PairedMoments {
    using Row = I;
    float* words;
    std::uint32_t key;
    alignas(64) float places[panel_width];

    // `first`: the place of the first word, a multiple of 32.
    PairedMoments(float* pairs, const std::array<std::uint32_t, 2>& rounding, std::size_t first)
        : words(pairs), key(rounding[0] + static_cast<std::uint32_t>(first / panel_width)) {
        for (std::size_t i = 0; i < panel_width; i += width)
            store(places + i,
                  floats(mixed(
                      sum_of(lane_numbers(), set(static_cast<std::int32_t>(
                                                 rounding[1] + static_cast<std::uint32_t>(i)))))));
    }
    NARROWS_INLINE static I mixed(I x) {  // Wellons 2018, lowbias32
        x = product_of(x ^ shift_right_zero<16>(x), set(0x7feb352d));
        x = product_of(x ^ shift_right_zero<15>(x), set(static_cast<std::int32_t>(0x846ca68bu)));
        return x ^ shift_right_zero<16>(x);
    }
    NARROWS_INLINE static std::uint32_t mixed(std::uint32_t x) {
        x = (x ^ x >> 16) * 0x7feb352du;
        x = (x ^ x >> 15) * 0x846ca68bu;
        return x ^ x >> 16;
    }

    NARROWS_INLINE Row row(std::size_t at) const {
        return set(
            static_cast<std::int32_t>(mixed(key + static_cast<std::uint32_t>(at / panel_width))));
    }
    NARROWS_INLINE void read_at(std::size_t at, std::size_t left, F& m, F& v) const {
        const I word = bits(read(words + at, left));
        m = floats(word & set(static_cast<std::int32_t>(0xffff0000u)));
        v = floats(shift_left<16>(word));
    }
    NARROWS_INLINE void write_at(Row row, std::size_t at, std::size_t left, F m, F v) const {
        const I x = bits(load(places + at % panel_width)) ^ row;
        const I high = sum_of(bits(m), x & set(0xffff));
        const I low = sum_of(bits(v), shift_right_zero<16>(x));
        write(words + at, floats(upper_halves(high, low)), left);
    }
    NARROWS_INLINE void prefetch(std::size_t at) const { prefetch_to_write(words + at); }
};

// One pass over weights, gradient and state.
template <bool plain, class Moments>
NARROWS_INLINE void adam_pass(const AdamConstants<plain>& constants, float* w, const float* g,
                              const Moments& moments, std::size_t first, std::size_t n) {
    for (std::size_t start = 0; start < n; start += panel_width) {
        const auto row = moments.row(first + start);
        const std::size_t end = n - start < panel_width ? n : start + panel_width;
        for (std::size_t i = start; i < end; i += width) {
            const std::size_t left = n - i;
            F weight = read(w + i, left), mean, variance;
            moments.read_at(first + i, left, mean, variance);
            adam_vector(constants, read(g + i, left), weight, mean, variance);
            moments.write_at(row, first + i, left, mean, variance);
            write(w + i, weight, left);
        }
    }
}
template <class Moments>
NARROWS_INLINE void adam_pass(const AdamStep& step, float* w, const float* g,
                              const Moments& moments, std::size_t n) {
    if (is_plain(step))
        adam_pass(AdamConstants<true>(step), w, g, moments, 0, n);
    else
        adam_pass(AdamConstants<false>(step), w, g, moments, 0, n);
}
void adam(const AdamStep& step, float* w, const float* g, float* m, float* v, std::size_t n) {
    adam_pass(step, w, g, ApartMoments{m, v}, n);
}
void adam_bf16(const AdamStep& step, std::size_t first, float* w, const float* g, float* moments,
               std::size_t n) {
    adam_pass(step, w, g, PairedMoments(moments, step.rounding, first), n);
}

void momentum(const MomentumStep& step, float* w, const float* g, float* m, std::size_t n) {
    const F rate = set(-step.rate), decay = set(step.decay), clip = set(step.gradient_scale);
    const F inertia = set(step.momentum);
    for (std::size_t i = 0; i < n; i += width) {
        const std::size_t left = n - i;
        const F weight = read(w + i, left);
        F slope = fused(decay, weight, read(g + i, left) * clip);
        if (m) {
            const F speed = fused(inertia, read(m + i, left), slope);
            write(m + i, speed, left);
            slope = step.nesterov ? fused(inertia, speed, slope) : speed;
        }
        write(w + i, fused(rate, slope, weight), left);
    }
}

// Fused multiply-adds that never leave the registers: more chains than latency x ports.
double peak(std::size_t iterations) {
    constexpr int chains = 12;
    F sums[chains];
#pragma GCC unroll 16
    for (int i = 0; i < chains; ++i) sums[i] = set(static_cast<float>(i));
    F a = set(0.5f), b = set(0.25f);
    for (std::size_t n = 0; n < iterations; ++n) {
        __asm__ volatile("" : : : "memory");
#pragma GCC unroll 16
        for (int i = 0; i < chains; ++i) sums[i] = fused(sums[i], a, b);
    }
    F all = sums[0];
#pragma GCC unroll 16
    for (int i = 1; i < chains; ++i) all = all + sums[i];
    alignas(64) float lane[width];
    store(lane, all);
    __asm__ volatile("" : : "r"(lane) : "memory");  // somebody might look
    return static_cast<double>(iterations) * chains * static_cast<double>(width) * 2.0;
}
