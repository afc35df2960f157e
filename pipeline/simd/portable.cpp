// The level that runs anywhere: four lanes as plain loops, std::fma for the fused steps. It gives
// the bits of every other level and is the readable statement of what each primitive means.
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "pipeline/simd/tables.hpp"

#define NARROWS_INLINE [[gnu::always_inline]] inline
#define NARROWS_LAMBDA __attribute__((always_inline))

namespace narrows::simd {
namespace {

template <class T, int N>
struct Pack {
    T lane[N];
};
constexpr std::size_t width = 4;
using F = Pack<float, 4>;
using I = Pack<std::int32_t, 4>;
using M = Pack<bool, 4>;
using D = Pack<double, 2>;
using L = Pack<std::uint64_t, 2>;

#define NARROWS_LANEWISE(op)                                                            \
    template <class T, int N>                                                           \
    NARROWS_INLINE Pack<T, N> operator op(Pack<T, N> a, Pack<T, N> b) {                 \
        for (int i = 0; i < N; ++i) a.lane[i] = static_cast<T>(a.lane[i] op b.lane[i]); \
        return a;                                                                       \
    }
NARROWS_LANEWISE(+)
NARROWS_LANEWISE(-)
NARROWS_LANEWISE(*)
NARROWS_LANEWISE(/)
NARROWS_LANEWISE(&)
NARROWS_LANEWISE(|)
NARROWS_LANEWISE(^)
#undef NARROWS_LANEWISE
#define NARROWS_COMPARE(op)                                             \
    NARROWS_INLINE M operator op(F a, F b) {                            \
        M m;                                                            \
        for (int i = 0; i < 4; ++i) m.lane[i] = a.lane[i] op b.lane[i]; \
        return m;                                                       \
    }
NARROWS_COMPARE(<)
NARROWS_COMPARE(<=)
NARROWS_COMPARE(>)
NARROWS_COMPARE(>=)
NARROWS_COMPARE(==)
#undef NARROWS_COMPARE

NARROWS_INLINE F set(float x) {
    return {x, x, x, x};
}
NARROWS_INLINE I set(std::int32_t x) {
    return {x, x, x, x};
}
NARROWS_INLINE D set(double x) {
    return {x, x};
}
NARROWS_INLINE L set(std::uint64_t x) {
    return {x, x};
}
NARROWS_INLINE L first_blocks() {
    return {0, 1};
}
NARROWS_INLINE I lane_numbers() {
    return {0, 1, 2, 3};
}
NARROWS_INLINE F load(const float* p) {
    return {p[0], p[1], p[2], p[3]};
}
NARROWS_INLINE D load(const double* p) {
    return {p[0], p[1]};
}
NARROWS_INLINE void store(float* p, F v) {
    std::memcpy(p, v.lane, sizeof v);
}
NARROWS_INLINE void store(double* p, D v) {
    std::memcpy(p, v.lane, sizeof v);
}
NARROWS_INLINE F load_part(const float* p, std::size_t count) {
    F v{};
    for (std::size_t i = 0; i < count && i < width; ++i) v.lane[i] = p[i];
    return v;
}
NARROWS_INLINE void store_part(float* p, F v, std::size_t count) {
    for (std::size_t i = 0; i < count && i < width; ++i) p[i] = v.lane[i];
}
NARROWS_INLINE F keep_part(F v, std::size_t count) {
    for (std::size_t i = count; i < width; ++i) v.lane[i] = 0;
    return v;
}
NARROWS_INLINE F load_bytes(const std::uint8_t* p) {
    F v;
    for (int i = 0; i < 4; ++i) v.lane[i] = static_cast<float>(p[i]);
    return v;
}
NARROWS_INLINE F select(M m, F a, F b) {
    for (int i = 0; i < 4; ++i) a.lane[i] = m.lane[i] ? a.lane[i] : b.lane[i];
    return a;
}
// The second operand when one is a NaN, as on x86.
NARROWS_INLINE F smaller(F a, F b) {
    return select(a < b, a, b);
}
NARROWS_INLINE F larger(F a, F b) {
    return select(a > b, a, b);
}
NARROWS_INLINE F fused(F a, F b, F c) {
    for (int i = 0; i < 4; ++i) c.lane[i] = std::fma(a.lane[i], b.lane[i], c.lane[i]);
    return c;
}
NARROWS_INLINE D fused(D a, D b, D c) {
    for (int i = 0; i < 2; ++i) c.lane[i] = std::fma(a.lane[i], b.lane[i], c.lane[i]);
    return c;
}
NARROWS_INLINE double fused(double a, double b, double c) {
    return std::fma(a, b, c);
}
NARROWS_INLINE F quotient(F a, F b) {
    return a / b;
}
NARROWS_INLINE F square_root(F a) {
    for (float& x : a.lane) x = std::sqrt(x);
    return a;
}
NARROWS_INLINE I bits(F a) {
    return std::bit_cast<I>(a);
}
NARROWS_INLINE I bits(L a) {
    return std::bit_cast<I>(a);
}
NARROWS_INLINE F floats(I a) {
    return std::bit_cast<F>(a);
}
NARROWS_INLINE F converted(I a) {
    F v;
    for (int i = 0; i < 4; ++i) v.lane[i] = static_cast<float>(a.lane[i]);
    return v;
}
// Integer sums and products wrap; in the lanes they are taken on unsigned numbers.
NARROWS_INLINE I sum_of(I a, I b) {
    for (int i = 0; i < 4; ++i)
        a.lane[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(a.lane[i]) +
                                              static_cast<std::uint32_t>(b.lane[i]));
    return a;
}
NARROWS_INLINE I difference(I a, I b) {
    for (int i = 0; i < 4; ++i)
        a.lane[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(a.lane[i]) -
                                              static_cast<std::uint32_t>(b.lane[i]));
    return a;
}
NARROWS_INLINE I product_of(I a, I b) {
    for (int i = 0; i < 4; ++i)
        a.lane[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(a.lane[i]) *
                                              static_cast<std::uint32_t>(b.lane[i]));
    return a;
}
template <int by>
NARROWS_INLINE I shift_left(I a) {
    for (auto& x : a.lane) x = static_cast<std::int32_t>(static_cast<std::uint32_t>(x) << by);
    return a;
}
template <int by>
NARROWS_INLINE I shift_right(I a) {  // keeps the sign
    for (auto& x : a.lane) x >>= by;
    return a;
}
template <int by>
NARROWS_INLINE I shift_right_zero(I a) {
    for (auto& x : a.lane) x = static_cast<std::int32_t>(static_cast<std::uint32_t>(x) >> by);
    return a;
}
template <int half>
NARROWS_INLINE D widen(F a) {
    return {static_cast<double>(a.lane[2 * half]), static_cast<double>(a.lane[2 * half + 1])};
}
NARROWS_INLINE L product_of_lows(L a, L b) {  // low 32 bits of each, 64 bits out
    for (int i = 0; i < 2; ++i) a.lane[i] = (a.lane[i] & 0xffffffffu) * (b.lane[i] & 0xffffffffu);
    return a;
}
NARROWS_INLINE L high_to_low(L a) {
    return {a.lane[0] >> 32, a.lane[1] >> 32};
}
// Lane 2i from the low half of a, lane 2i+1 from the low half of b.
NARROWS_INLINE I join_lows(L a, L b) {
    for (int i = 0; i < 2; ++i) a.lane[i] = (a.lane[i] & 0xffffffffu) | (b.lane[i] << 32);
    return bits(a);
}
// a0 b0 a1 b1 ... in memory order, over two vectors.
NARROWS_INLINE void interleave(F& a, F& b) {
    const F x = a, y = b;
    a = {x.lane[0], y.lane[0], x.lane[1], y.lane[1]};
    b = {x.lane[2], y.lane[2], x.lane[3], y.lane[3]};
}
// In each lane the upper half of a, then that of b.
NARROWS_INLINE I upper_halves(I a, I b) {
    return (a & set(static_cast<std::int32_t>(0xffff0000u))) | shift_right_zero<16>(b);
}
// p * 2^n for whole n (given twice), rounded once.
NARROWS_INLINE F scaled_by_power(F p, F, I n) {
    const I half = shift_right<1>(n);
    const I bias = set(std::int32_t{127});
    p = p * floats(shift_left<23>(sum_of(half, bias)));
    return p * floats(shift_left<23>(sum_of(difference(n, half), bias)));
}
NARROWS_INLINE void transpose_8x8(const float* from, std::size_t from_stride, float* to,
                                  std::size_t to_stride) {
    for (std::size_t i = 0; i < 8; ++i)
        for (std::size_t j = 0; j < 8; ++j) to[j * to_stride + i] = from[i * from_stride + j];
}

NARROWS_INLINE void store_bytes(std::uint8_t* p, I v, std::size_t count) {
    for (std::size_t i = 0; i < count && i < width; ++i)
        p[i] = static_cast<std::uint8_t>(v.lane[i]);
}
// The thirty-two shares of a distribution (residuals.hpp).
struct Shares {
    std::uint16_t word[32];
};
NARROWS_INLINE Shares load_shares(const std::uint16_t* p) {
    Shares v;
    std::memcpy(v.word, p, sizeof v);
    return v;
}
NARROWS_INLINE void store_shares(std::uint16_t* p, const Shares& v) {
    std::memcpy(p, v.word, sizeof v);
}
NARROWS_INLINE Shares average(Shares a, const Shares& b) {  // rounded up
    for (int i = 0; i < 32; ++i)
        a.word[i] = static_cast<std::uint16_t>((a.word[i] + b.word[i] + 1) >> 1);
    return a;
}
NARROWS_INLINE std::uint32_t count_up_to(const Shares& a, std::uint32_t limit) {
    std::uint32_t count = 0;
    for (const std::uint16_t word : a.word) count += word <= limit ? 1 : 0;
    return count;
}
NARROWS_INLINE Shares lows_of(Shares over) {
    for (std::uint32_t s = 0; s < 32; ++s)
        over.word[s] = static_cast<std::uint16_t>(over.word[s] + s);
    return over;
}
// Each share a step towards what would leave all but 31 of 65536 to `symbol`: of its distance d the
// part d >> rate, and one more.
template <bool slow>  // the rate is 7
NARROWS_INLINE Shares moved_to(Shares over, std::uint32_t symbol, unsigned rate) {
    constexpr std::uint32_t most = 65504;
    for (std::uint32_t s = 0; s < 32; ++s) {
        const std::uint32_t apart = s <= symbol ? over.word[s] : most - over.word[s];
        const std::uint32_t left = apart - (apart >> (slow ? 7 : rate)),
                            kept = left > 0 ? left - 1 : 0;
        over.word[s] = static_cast<std::uint16_t>(s <= symbol ? kept : most - kept);
    }
    return over;
}
struct Four {
    std::int32_t byte[4][4];  // of each lane
};
NARROWS_INLINE Four weights_of(const std::int8_t* p) {
    Four w;
    for (int lane = 0; lane < 4; ++lane)
        for (int i = 0; i < 4; ++i) w.byte[lane][i] = p[4 * lane + i];
    return w;
}
NARROWS_INLINE std::uint32_t values_of(std::uint32_t four) {
    return four;
}
NARROWS_INLINE I add_products(I sums, std::uint32_t values, const Four& weights) {
    for (int lane = 0; lane < 4; ++lane)
        for (int i = 0; i < 4; ++i)
            sums.lane[lane] +=
                static_cast<std::int32_t>(values >> (8 * i) & 0xffu) * weights.byte[lane][i];
    return sums;
}
constexpr int int8_rows = 2;
constexpr int int8_vectors = 2;

// Register tiles: so many vectors of so many rows; of a few rows alone, more vectors.
constexpr int tile_vectors = 2;
constexpr int tile_rows(int /*vectors*/) {
    return 4;
}
constexpr std::size_t panels_together = 1;
constexpr std::size_t longest_k_block = 192;       // 24 KiB of a panel: in L1
constexpr std::size_t row_block = 240;             // with a block of k at most 180 KiB of A: in L2
constexpr std::size_t k_part = 16, soon_runs = 4;  // so often so many lines of B are asked for
constexpr bool asks_for_rows = true;
constexpr int lone_vectors(int /*rows*/) {
    return 2;
}
constexpr int gradient_vectors = 2;
constexpr int gradient_rows(int /*vectors*/) {
    return 4;
}
constexpr std::size_t near_multiple = 1;
constexpr int few_rows = 4;
constexpr int few_vectors = 2;
constexpr std::size_t many_samples = 768;      // from so many on sums come before steps,
constexpr std::size_t many_far_samples = 256;  // with rows of 1024 values and more
constexpr Level this_level = Level::portable;
constexpr std::string_view this_name = "portable";

#include "pipeline/simd/body.inl.hpp"

}  // namespace

const Kernels* portable_table() {
    return &the_table;
}
const CodingKernels* portable_coding() {
    return &the_coding_table;
}

}  // namespace narrows::simd
