// AVX2 with FMA: eight lanes. The macro gives xsimd's templates a name of their own here, so that
// nothing compiled with these flags can become the linker's copy for another file.
#include "pipeline/simd/tables.hpp"

#if defined(__AVX2__) && defined(__FMA__)
#define xsimd narrows_xsimd_avx2
#include <immintrin.h>

#include <utility>

#include <xsimd/xsimd.hpp>

#define NARROWS_INLINE [[gnu::always_inline]] inline
#define NARROWS_LAMBDA __attribute__((always_inline))

namespace narrows::simd {
namespace {

using Arch = xsimd::fma3<xsimd::avx2>;
#include "pipeline/simd/batch.inl.hpp"

NARROWS_INLINE __m256i lanes_below(std::size_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count < 8 ? count : 8)),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
NARROWS_INLINE F load_part(const float* p, std::size_t count) {
    return _mm256_maskload_ps(p, lanes_below(count));
}
NARROWS_INLINE void store_part(float* p, F v, std::size_t count) {
    _mm256_maskstore_ps(p, lanes_below(count), v);
}
NARROWS_INLINE F keep_part(F v, std::size_t count) {
    return _mm256_and_ps(v, _mm256_castsi256_ps(lanes_below(count)));
}
NARROWS_INLINE F load_bytes(const std::uint8_t* p) {
    return _mm256_cvtepi32_ps(
        _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
}
NARROWS_INLINE F smaller(F a, F b) {
    return _mm256_min_ps(a, b);
}
NARROWS_INLINE F larger(F a, F b) {
    return _mm256_max_ps(a, b);
}
NARROWS_INLINE F quotient(F a, F b) {
    return a / b;
}
NARROWS_INLINE F square_root(F a) {
    return xsimd::sqrt(a);
}
NARROWS_INLINE F fused(F a, F b, F c) {
    return _mm256_fmadd_ps(a, b, c);
}
NARROWS_INLINE D fused(D a, D b, D c) {
    return _mm256_fmadd_pd(a, b, c);
}
NARROWS_INLINE I bits(F a) {
    return _mm256_castps_si256(a);
}
NARROWS_INLINE F floats(I a) {
    return _mm256_castsi256_ps(a);
}
NARROWS_INLINE F converted(I a) {
    return _mm256_cvtepi32_ps(a);
}
template <int by>
NARROWS_INLINE I shift_left(I a) {
    return _mm256_slli_epi32(a, by);
}
template <int by>
NARROWS_INLINE I shift_right(I a) {
    return _mm256_srai_epi32(a, by);
}
template <int by>
NARROWS_INLINE I shift_right_zero(I a) {
    return _mm256_srli_epi32(a, by);
}
template <int half>
NARROWS_INLINE D widen(F a) {
    if constexpr (half == 0)
        return _mm256_cvtps_pd(_mm256_castps256_ps128(a));
    else
        return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
}
NARROWS_INLINE L product_of_lows(L a, L b) {
    return _mm256_mul_epu32(a, b);
}
NARROWS_INLINE L high_to_low(L a) {
    return _mm256_srli_epi64(a, 32);
}
NARROWS_INLINE I join_lows(L a, L b) {
    return _mm256_blend_epi32(a, _mm256_slli_epi64(b, 32), 0xaa);
}
NARROWS_INLINE void interleave(F& a, F& b) {
    const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);
    a = _mm256_permute2f128_ps(low, high, 0x20);
    b = _mm256_permute2f128_ps(low, high, 0x31);
}
NARROWS_INLINE I upper_halves(I a, I b) {
    return _mm256_blend_epi16(_mm256_srli_epi32(b, 16), a, 0xaa);
}
NARROWS_INLINE F scaled_by_power(F p, F, I n) {
    const I half = shift_right<1>(n);
    const I bias = set(std::int32_t{127});
    p = p * floats(shift_left<23>(half + bias));
    return p * floats(shift_left<23>(n - half + bias));
}
#include "pipeline/simd/transpose.inl.hpp"

NARROWS_INLINE void store_bytes(std::uint8_t* p, I v, std::size_t count) {
    const __m128i words =
        _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    const __m128i bytes = _mm_packus_epi16(words, words);
    if (count >= 8) {
        _mm_storel_epi64(reinterpret_cast<__m128i*>(p), bytes);
        return;
    }
    alignas(16) std::uint8_t all[16];
    _mm_store_si128(reinterpret_cast<__m128i*>(all), bytes);
    for (std::size_t i = 0; i < count; ++i) p[i] = all[i];
}
// The thirty-two shares of a distribution (residuals.hpp; portable.cpp says what each does).
struct Shares {
    __m256i low, high;
};
NARROWS_INLINE Shares load_shares(const std::uint16_t* p) {
    const auto* v = reinterpret_cast<const __m256i*>(p);
    return {_mm256_loadu_si256(v), _mm256_loadu_si256(v + 1)};
}
NARROWS_INLINE void store_shares(std::uint16_t* p, Shares v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v.low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p) + 1, v.high);
}
NARROWS_INLINE Shares average(Shares a, Shares b) {
    return {_mm256_avg_epu16(a.low, b.low), _mm256_avg_epu16(a.high, b.high)};
}
NARROWS_INLINE std::uint32_t count_up_to(Shares a, std::uint32_t limit) {
    const __m256i most = _mm256_set1_epi16(static_cast<short>(limit));
    const __m256i low = _mm256_cmpeq_epi16(_mm256_min_epu16(a.low, most), a.low);
    const __m256i high = _mm256_cmpeq_epi16(_mm256_min_epu16(a.high, most), a.high);
    const auto bytes =
        static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_packs_epi16(low, high)));
    return static_cast<std::uint32_t>(__builtin_popcount(bytes));
}
NARROWS_INLINE __m256i first_places() {
    return _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}
NARROWS_INLINE __m256i last_places() {
    return _mm256_add_epi16(first_places(), _mm256_set1_epi16(16));
}
NARROWS_INLINE Shares lows_of(Shares over) {
    return {_mm256_add_epi16(over.low, first_places()), _mm256_add_epi16(over.high, last_places())};
}
template <bool slow>
NARROWS_INLINE __m256i moved_half(__m256i over, __m256i above, __m128i rate) {
    const __m256i most = _mm256_set1_epi16(static_cast<short>(65504));
    const __m256i apart = _mm256_blendv_epi8(over, _mm256_sub_epi16(most, over), above);
    const __m256i part = slow ? _mm256_srli_epi16(apart, 7) : _mm256_srl_epi16(apart, rate);
    const __m256i kept = _mm256_subs_epu16(_mm256_sub_epi16(apart, part), _mm256_set1_epi16(1));
    return _mm256_blendv_epi8(kept, _mm256_sub_epi16(most, kept), above);
}
template <bool slow>  // the rate is 7
NARROWS_INLINE Shares moved_to(Shares over, std::uint32_t symbol, unsigned rate) {
    const __m256i at = _mm256_set1_epi16(static_cast<short>(symbol));
    const __m128i by = _mm_cvtsi32_si128(static_cast<int>(rate));
    return {moved_half<slow>(over.low, _mm256_cmpgt_epi16(first_places(), at), by),
            moved_half<slow>(over.high, _mm256_cmpgt_epi16(last_places(), at), by)};
}
// Pairs of 16-bit products: exact where the saturating byte instruction is not.
struct Four {
    __m256i even, odd;
};
NARROWS_INLINE Four weights_of(const std::int8_t* p) {
    const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {_mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), _mm256_srai_epi16(w, 8)};
}
NARROWS_INLINE Four values_of(std::uint32_t four) {
    const __m256i x = _mm256_set1_epi32(static_cast<int>(four));
    return {_mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8)};
}
NARROWS_INLINE I add_products(I sums, Four values, Four weights) {
    const __m256i products = _mm256_add_epi32(_mm256_madd_epi16(values.even, weights.even),
                                              _mm256_madd_epi16(values.odd, weights.odd));
    return _mm256_add_epi32(sums, products);
}
constexpr int int8_rows = 4;
constexpr int int8_vectors = 2;

// Register tiles: so many vectors of so many rows; of a few rows alone, more vectors.
constexpr int tile_vectors = 4;
constexpr int tile_rows(int vectors) {
    return vectors == 4 ? 3 : vectors == 3 ? 4 : vectors == 2 ? 6 : 8;
}
constexpr std::size_t panels_together = 1;
constexpr std::size_t longest_k_block = 192;       // 24 KiB of a panel: in L1
constexpr std::size_t row_block = 240;             // with a block of k at most 180 KiB of A: in L2
constexpr std::size_t k_part = 16, soon_runs = 4;  // so often so many lines of B are asked for
constexpr bool asks_for_rows = true;
constexpr int lone_vectors(int rows) {
    return rows == 1 ? 8 : 4;
}
constexpr int gradient_vectors = 4;
constexpr int gradient_rows(int vectors) {
    return tile_rows(vectors);
}
constexpr std::size_t near_multiple = 1;
constexpr int few_rows = 4;  // of a tile for few samples, whose step follows in registers
constexpr int few_vectors = 2;
constexpr std::size_t many_samples = 17;      // from so many on sums come before steps,
constexpr std::size_t many_far_samples = 17;  // with rows of 1024 values and more
constexpr Level this_level = Level::avx2;
constexpr std::string_view this_name = "avx2";

#include "pipeline/simd/body.inl.hpp"

}  // namespace

const Kernels* avx2_table() {
    return &the_table;
}
const CodingKernels* avx2_coding() {
    return &the_coding_table;
}

}  // namespace narrows::simd
#else
namespace narrows::simd {
const Kernels* avx2_table() {
    return nullptr;
}
const CodingKernels* avx2_coding() {
    return nullptr;
}
}  // namespace narrows::simd
#endif
