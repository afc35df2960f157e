// AVX-512 (F, DQ, BW, VL): sixteen lanes. xsimd's name is changed as in avx2.cpp.
#include "pipeline/simd/tables.hpp"

#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define xsimd narrows_xsimd_avx512
#include <immintrin.h>

#include <utility>

#include <xsimd/xsimd.hpp>

#define NARROWS_INLINE [[gnu::always_inline]] inline
#define NARROWS_LAMBDA __attribute__((always_inline))

namespace narrows::simd {
namespace {

#include "pipeline/simd/avx512.inl.hpp"

// Pairs of 16-bit products: exact where the saturating byte instruction is not.
struct Four {
    __m512i even, odd;
};
NARROWS_INLINE Four weights_of(const std::int8_t* p) {
    const __m512i w = _mm512_loadu_si512(p);
    return {_mm512_srai_epi16(_mm512_slli_epi16(w, 8), 8), _mm512_srai_epi16(w, 8)};
}
NARROWS_INLINE Four values_of(std::uint32_t four) {
    const __m512i x = _mm512_set1_epi32(static_cast<int>(four));
    return {_mm512_and_si512(x, _mm512_set1_epi16(0xff)), _mm512_srli_epi16(x, 8)};
}
NARROWS_INLINE I add_products(I sums, Four values, Four weights) {
    const __m512i products = _mm512_add_epi32(_mm512_madd_epi16(values.even, weights.even),
                                              _mm512_madd_epi16(values.odd, weights.odd));
    return _mm512_add_epi32(sums, products);
}
constexpr int int8_rows = 8;
constexpr int int8_vectors = 2;

constexpr int tile_vectors = 2;
constexpr int tile_rows(int /*vectors*/) {
    return 8;
}
constexpr std::size_t panels_together = 4;              // in L2, a tile's rows in L1
constexpr std::size_t longest_k_block = 512;            // 64 KiB of a panel
constexpr std::size_t row_block = ~std::size_t{0} / 2;  // all
constexpr std::size_t k_part = 4, soon_runs = 2;
constexpr bool asks_for_rows = false;
constexpr int lone_vectors(int rows) {
    return rows <= 2 ? 8 : rows <= 4 ? 4 : 2;
}
constexpr int gradient_vectors = 2;
constexpr int gradient_rows(int vectors) {
    return vectors == 1 ? 12 : 8;
}
constexpr std::size_t near_multiple = 1024;
constexpr int few_rows = 8;
constexpr int few_vectors = 2;
constexpr std::size_t many_samples = 768;      // from so many on sums come before steps,
constexpr std::size_t many_far_samples = 256;  // with rows of 1024 values and more
constexpr Level this_level = Level::avx512;
constexpr std::string_view this_name = "avx512";

#include "pipeline/simd/body.inl.hpp"

}  // namespace

const Kernels* avx512_table() {
    return &the_table;
}
const CodingKernels* avx512_coding() {
    return &the_coding_table;
}

}  // namespace narrows::simd
#else
namespace narrows::simd {
const Kernels* avx512_table() {
    return nullptr;
}
const CodingKernels* avx512_coding() {
    return nullptr;
}
}  // namespace narrows::simd
#endif
