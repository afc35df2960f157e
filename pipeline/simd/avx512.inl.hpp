// Primitives of AVX-512 (F, DQ, BW, VL): sixteen lanes. Included inside an anonymous namespace. xsimd 8
// has no fused multiply-add here (it multiplies, then adds), so the fused steps are intrinsics.
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
NARROWS_INLINE F smaller(F a, F b) { return _mm512_min_ps(a, b); }
NARROWS_INLINE F larger(F a, F b) { return _mm512_max_ps(a, b); }
NARROWS_INLINE F fused(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
NARROWS_INLINE D fused(D a, D b, D c) { return _mm512_fmadd_pd(a, b, c); }
NARROWS_INLINE I bits(F a) { return _mm512_castps_si512(a); }
NARROWS_INLINE F floats(I a) { return _mm512_castsi512_ps(a); }
NARROWS_INLINE F converted(I a) { return _mm512_cvtepi32_ps(a); }
template <int by>
NARROWS_INLINE I shift_left(I a) { return _mm512_slli_epi32(a, by); }
template <int by>
NARROWS_INLINE I shift_right(I a) { return _mm512_srai_epi32(a, by); }
template <int by>
NARROWS_INLINE I shift_right_zero(I a) { return _mm512_srli_epi32(a, by); }
template <int half>
NARROWS_INLINE D widen(F a) {
    if constexpr (half == 0) return _mm512_cvtps_pd(_mm512_castps512_ps256(a));
    else return _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1));
}
NARROWS_INLINE L product_of_lows(L a, L b) { return _mm512_mul_epu32(a, b); }
NARROWS_INLINE L high_to_low(L a) { return _mm512_srli_epi64(a, 32); }
NARROWS_INLINE I join_lows(L a, L b) {
    return _mm512_mask_blend_epi32(0xaaaa, a, _mm512_slli_epi64(b, 32));
}
NARROWS_INLINE void interleave(F& a, F& b) {
    const __m512i low =
        _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    const F x = a, y = b;
    a = _mm512_permutex2var_ps(x, low, y);
    b = _mm512_permutex2var_ps(x, high, y);
}
NARROWS_INLINE F scaled_by_power(F p, F n, I) { return _mm512_scalef_ps(p, n); }
#include "pipeline/simd/transpose.inl.hpp"
NARROWS_INLINE void store_bytes(std::uint8_t* p, I v, std::size_t count) {
    _mm512_mask_cvtepi32_storeu_epi8(p, lanes_below(count), v);
}
