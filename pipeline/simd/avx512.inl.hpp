// Primitives of AVX-512 (F, DQ, BW, VL): sixteen lanes. Included inside an anonymous namespace.
// xsimd 8 has no fused multiply-add here (it multiplies, then adds), so the fused steps are
// intrinsics.
using Arch = xsimd::avx512bw;
#include "pipeline/simd/batch.inl.hpp"

NARROWS_INLINE __mmask16 lanes_below(std::size_t count) {
    return static_cast<__mmask16>(count < 16 ? (1u << count) - 1 : 0xffffu);
}
NARROWS_INLINE F load_part(const float* p, std::size_t count) {
    return _mm512_maskz_loadu_ps(lanes_below(count), p);
}
NARROWS_INLINE void store_part(float* p, F v, std::size_t count) {
    _mm512_mask_storeu_ps(p, lanes_below(count), v);
}
NARROWS_INLINE F keep_part(F v, std::size_t count) {
    return _mm512_maskz_mov_ps(lanes_below(count), v);
}
NARROWS_INLINE F load_bytes(const std::uint8_t* p) {
    return _mm512_cvtepi32_ps(
        _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
NARROWS_INLINE F smaller(F a, F b) {
    return _mm512_min_ps(a, b);
}
NARROWS_INLINE F larger(F a, F b) {
    return _mm512_max_ps(a, b);
}
NARROWS_INLINE F quotient(F a, F b) {
    return a / b;
}
NARROWS_INLINE F square_root(F a) {
    return xsimd::sqrt(a);
}
NARROWS_INLINE F fused(F a, F b, F c) {
    return _mm512_fmadd_ps(a, b, c);
}
NARROWS_INLINE D fused(D a, D b, D c) {
    return _mm512_fmadd_pd(a, b, c);
}
NARROWS_INLINE I bits(F a) {
    return _mm512_castps_si512(a);
}
NARROWS_INLINE F floats(I a) {
    return _mm512_castsi512_ps(a);
}
NARROWS_INLINE F converted(I a) {
    return _mm512_cvtepi32_ps(a);
}
template <int by>
NARROWS_INLINE I shift_left(I a) {
    return _mm512_slli_epi32(a, by);
}
template <int by>
NARROWS_INLINE I shift_right(I a) {
    return _mm512_srai_epi32(a, by);
}
template <int by>
NARROWS_INLINE I shift_right_zero(I a) {
    return _mm512_srli_epi32(a, by);
}
template <int half>
NARROWS_INLINE D widen(F a) {
    if constexpr (half == 0)
        return _mm512_cvtps_pd(_mm512_castps512_ps256(a));
    else
        return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
}
NARROWS_INLINE L product_of_lows(L a, L b) {
    return _mm512_mul_epu32(a, b);
}
NARROWS_INLINE L high_to_low(L a) {
    return _mm512_srli_epi64(a, 32);
}
NARROWS_INLINE I join_lows(L a, L b) {
    return _mm512_mask_blend_epi32(0xaaaa, a, _mm512_slli_epi64(b, 32));
}
NARROWS_INLINE void interleave(F& a, F& b) {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    const F x = a, y = b;
    a = _mm512_permutex2var_ps(x, low, y);
    b = _mm512_permutex2var_ps(x, high, y);
}
NARROWS_INLINE I upper_halves(I a, I b) {
    const __m512i high = a;  // without optimisation the intrinsic is a macro that casts
    return _mm512_mask_blend_epi16(0xaaaaaaaau, _mm512_srli_epi32(b, 16), high);
}
NARROWS_INLINE F scaled_by_power(F p, F n, I) {
    return _mm512_scalef_ps(p, n);
}
#include "pipeline/simd/transpose.inl.hpp"
NARROWS_INLINE void store_bytes(std::uint8_t* p, I v, std::size_t count) {
    _mm512_mask_cvtepi32_storeu_epi8(p, lanes_below(count), v);
}

// The thirty-two shares of a distribution (residuals.hpp; portable.cpp says what each does).
using Shares = __m512i;
NARROWS_INLINE Shares load_shares(const std::uint16_t* p) {
    return _mm512_loadu_si512(p);
}
NARROWS_INLINE void store_shares(std::uint16_t* p, Shares v) {
    _mm512_storeu_si512(p, v);
}
NARROWS_INLINE Shares average(Shares a, Shares b) {
    return _mm512_avg_epu16(a, b);
}
NARROWS_INLINE std::uint32_t count_up_to(Shares a, std::uint32_t limit) {
    const __mmask32 those =
        _mm512_cmple_epu16_mask(a, _mm512_set1_epi16(static_cast<short>(limit)));
    return static_cast<std::uint32_t>(__builtin_popcount(those));
}
NARROWS_INLINE Shares lows_of(Shares over) {
    alignas(64) static constexpr std::uint16_t places[32] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    return _mm512_add_epi16(over, _mm512_load_si512(places));
}
template <bool slow>  // the rate is 7
NARROWS_INLINE Shares moved_to(Shares over, std::uint32_t symbol, unsigned rate) {
    const __m512i most = _mm512_set1_epi16(static_cast<short>(65504));
    const __mmask32 above = 0xfffffffeu << symbol;
    const __m512i apart = _mm512_mask_sub_epi16(over, above, most, over);
    const __m512i part = slow ? _mm512_srli_epi16(apart, 7)
                              : _mm512_srl_epi16(apart, _mm_cvtsi32_si128(static_cast<int>(rate)));
    const __m512i kept = _mm512_subs_epu16(_mm512_sub_epi16(apart, part), _mm512_set1_epi16(1));
    return _mm512_mask_sub_epi16(kept, above, most, kept);
}
