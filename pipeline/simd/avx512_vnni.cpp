// AVX-512 with VNNI: what avx512.cpp has, with the instruction that adds four byte products to each
// 32-bit lane, exactly. Only the int8 product differs.
#include "pipeline/simd/tables.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && \
    defined(__AVX512VNNI__)
#define xsimd narrows_xsimd_avx512_vnni
#include <immintrin.h>

#include <xsimd/xsimd.hpp>

#pragma GCC diagnostic ignored "-Wunused-function"  // most of what is written once is not used here
#define NARROWS_INLINE [[gnu::always_inline]] inline
#define NARROWS_LAMBDA __attribute__((always_inline))

namespace narrows::simd {
namespace {

#include "pipeline/simd/avx512.inl.hpp"

NARROWS_INLINE __m512i weights_of(const std::int8_t* p) {
    return _mm512_loadu_si512(p);
}
NARROWS_INLINE __m512i values_of(std::uint32_t four) {
    return _mm512_set1_epi32(static_cast<int>(four));
}
NARROWS_INLINE I add_products(I sums, __m512i values, __m512i weights) {
    __m512i in_place = sums;  // of the intrinsic g++ 12 makes a copy before and after
    asm("vpdpbusd %2, %1, %0" : "+v"(in_place) : "v"(values), "v"(weights));
    return in_place;
}
constexpr int int8_rows = 8;
constexpr int int8_vectors = 2;

// Each uses what stands before it.
// clang-format off
#include "pipeline/simd/vector.inl.hpp"
#include "pipeline/simd/functions.inl.hpp"
#include "pipeline/simd/activations.inl.hpp"
#include "pipeline/simd/int8.inl.hpp"
// clang-format on

}  // namespace

const Kernels* avx512_vnni_table() {
    static const Kernels table = [] {
        Kernels own = *avx512_table();
        own.int8_product = int8_product;
        return own;
    }();
    return &table;
}

}  // namespace narrows::simd
#else
namespace narrows::simd {
const Kernels* avx512_vnni_table() {
    return nullptr;
}
}  // namespace narrows::simd
#endif
