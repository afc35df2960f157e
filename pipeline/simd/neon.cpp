// AArch64 Advanced SIMD: four lanes, thirty-two registers.
#include "pipeline/simd/tables.hpp"

#if defined(__aarch64__)
#define xsimd narrows_xsimd_neon
#include <arm_neon.h>

#include <utility>

#include <xsimd/xsimd.hpp>

#define NARROWS_INLINE [[gnu::always_inline]] inline
#define NARROWS_LAMBDA __attribute__((always_inline))

namespace narrows::simd {
namespace {

using Arch = xsimd::neon64;
#include "pipeline/simd/batch.inl.hpp"

NARROWS_INLINE F load_part(const float* p, std::size_t count) {
    float lane[4] = {0, 0, 0, 0};
    for (std::size_t i = 0; i < count && i < 4; ++i) lane[i] = p[i];
    return vld1q_f32(lane);
}
NARROWS_INLINE void store_part(float* p, F v, std::size_t count) {
    float lane[4];
    vst1q_f32(lane, v);
    for (std::size_t i = 0; i < count && i < 4; ++i) p[i] = lane[i];
}
NARROWS_INLINE F keep_part(F v, std::size_t count) {
    float lane[4];
    vst1q_f32(lane, v);
    for (std::size_t i = count; i < 4; ++i) lane[i] = 0;
    return vld1q_f32(lane);
}
NARROWS_INLINE F load_bytes(const std::uint8_t* p) {
    const std::uint32_t four[4] = {p[0], p[1], p[2], p[3]};
    return vcvtq_f32_u32(vld1q_u32(four));
}
// The second operand when one is a NaN, as on x86; vminq would give a NaN for either.
NARROWS_INLINE F smaller(F a, F b) {
    return vbslq_f32(vcltq_f32(a, b), a, b);
}
NARROWS_INLINE F larger(F a, F b) {
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}
// xsimd 8 takes estimates and two of Newton's steps for these.
NARROWS_INLINE F quotient(F a, F b) {
    return vdivq_f32(a, b);
}
NARROWS_INLINE F square_root(F a) {
    return vsqrtq_f32(a);
}
NARROWS_INLINE F fused(F a, F b, F c) {
    return vfmaq_f32(c, a, b);
}
NARROWS_INLINE D fused(D a, D b, D c) {
    return vfmaq_f64(c, a, b);
}
NARROWS_INLINE I bits(F a) {
    return vreinterpretq_s32_f32(a);
}
NARROWS_INLINE F floats(I a) {
    return vreinterpretq_f32_s32(a);
}
NARROWS_INLINE F converted(I a) {
    return vcvtq_f32_s32(a);
}
template <int by>
NARROWS_INLINE I shift_left(I a) {
    return vshlq_n_s32(a, by);
}
template <int by>
NARROWS_INLINE I shift_right(I a) {
    return vshrq_n_s32(a, by);
}
template <int by>
NARROWS_INLINE I shift_right_zero(I a) {
    return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a), by));
}
template <int half>
NARROWS_INLINE D widen(F a) {
    if constexpr (half == 0)
        return vcvt_f64_f32(vget_low_f32(a));
    else
        return vcvt_high_f64_f32(a);
}
NARROWS_INLINE L product_of_lows(L a, L b) {
    return vmull_u32(vmovn_u64(a), vmovn_u64(b));
}
NARROWS_INLINE L high_to_low(L a) {
    return vshrq_n_u64(a, 32);
}
NARROWS_INLINE I join_lows(L a, L b) {
    return vreinterpretq_s32_u64(vsliq_n_u64(a, b, 32));
}
NARROWS_INLINE void interleave(F& a, F& b) {
    const float32x4_t x = a, y = b;
    a = vzip1q_f32(x, y);
    b = vzip2q_f32(x, y);
}
NARROWS_INLINE I upper_halves(I a, I b) {
    return vreinterpretq_s32_u32(
        vsriq_n_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b), 16));
}
NARROWS_INLINE F scaled_by_power(F p, F, I n) {
    const I half = shift_right<1>(n);
    const I bias = set(std::int32_t{127});
    p = p * floats(shift_left<23>(half + bias));
    return p * floats(shift_left<23>(n - half + bias));
}
NARROWS_INLINE void transpose_8x8(const float* from, std::size_t from_stride, float* to,
                                  std::size_t to_stride) {
    for (std::size_t i = 0; i < 8; ++i)
        for (std::size_t j = 0; j < 8; ++j) to[j * to_stride + i] = from[i * from_stride + j];
}

NARROWS_INLINE void store_bytes(std::uint8_t* p, I v, std::size_t count) {
    std::int32_t lane[4];
    vst1q_s32(lane, v);
    for (std::size_t i = 0; i < count && i < 4; ++i) p[i] = static_cast<std::uint8_t>(lane[i]);
}
// The thirty-two shares of a distribution (residuals.hpp; portable.cpp says what each does).
struct Shares {
    uint16x8_t part[4];
};
NARROWS_INLINE Shares load_shares(const std::uint16_t* p) {
    return {{vld1q_u16(p), vld1q_u16(p + 8), vld1q_u16(p + 16), vld1q_u16(p + 24)}};
}
NARROWS_INLINE void store_shares(std::uint16_t* p, const Shares& v) {
    for (int i = 0; i < 4; ++i) vst1q_u16(p + 8 * i, v.part[i]);
}
NARROWS_INLINE Shares average(Shares a, const Shares& b) {
    for (int i = 0; i < 4; ++i) a.part[i] = vrhaddq_u16(a.part[i], b.part[i]);
    return a;
}
NARROWS_INLINE std::uint32_t count_up_to(const Shares& a, std::uint32_t limit) {
    const uint16x8_t most = vdupq_n_u16(static_cast<std::uint16_t>(limit)), one = vdupq_n_u16(1);
    uint16x8_t count = vdupq_n_u16(0);
    for (const uint16x8_t part : a.part)
        count = vaddq_u16(count, vandq_u16(vcleq_u16(part, most), one));
    return vaddvq_u16(count);
}
NARROWS_INLINE uint16x8_t places_of(int part) {
    static constexpr std::uint16_t places[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return vaddq_u16(vld1q_u16(places), vdupq_n_u16(static_cast<std::uint16_t>(8 * part)));
}
NARROWS_INLINE Shares lows_of(Shares over) {
    for (int i = 0; i < 4; ++i) over.part[i] = vaddq_u16(over.part[i], places_of(i));
    return over;
}
template <bool slow>  // the rate is 7
NARROWS_INLINE Shares moved_to(Shares over, std::uint32_t symbol, unsigned rate) {
    const uint16x8_t at = vdupq_n_u16(static_cast<std::uint16_t>(symbol));
    const uint16x8_t most = vdupq_n_u16(65504);
    const int16x8_t by =
        vdupq_n_s16(static_cast<std::int16_t>(slow ? -7 : -static_cast<int>(rate)));
    for (int i = 0; i < 4; ++i) {
        const uint16x8_t above = vcgtq_u16(places_of(i), at);
        const uint16x8_t apart = vbslq_u16(above, vsubq_u16(most, over.part[i]), over.part[i]);
        const uint16x8_t kept = vqsubq_u16(vsubq_u16(apart, vshlq_u16(apart, by)), vdupq_n_u16(1));
        over.part[i] = vbslq_u16(above, vsubq_u16(most, kept), kept);
    }
    return over;
}
// Sixteen-bit numbers of two lanes each: pairs of products, then pairs of pairs.
struct Four {
    int16x8_t low, high;
};
NARROWS_INLINE Four weights_of(const std::int8_t* p) {
    const int8x16_t w = vld1q_s8(p);
    return {vmovl_s8(vget_low_s8(w)), vmovl_high_s8(w)};
}
NARROWS_INLINE int16x8_t values_of(std::uint32_t four) {
    return vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four))));
}
NARROWS_INLINE I add_products(I sums, int16x8_t values, Four weights) {
    const auto pairs = [=](int16x8_t w) {
        return vpaddq_s32(vmull_s16(vget_low_s16(values), vget_low_s16(w)),
                          vmull_high_s16(values, w));
    };
    return vaddq_s32(sums, vpaddq_s32(pairs(weights.low), pairs(weights.high)));
}
constexpr int int8_rows = 4;
constexpr int int8_vectors = 2;

constexpr int tile_vectors = 4;
constexpr int tile_rows(int vectors) {
    return vectors == 4 ? 6 : 8;
}
constexpr std::size_t panels_together = 1;
constexpr std::size_t longest_k_block = 192;       // 24 KiB of a panel: in L1
constexpr std::size_t row_block = 240;             // with a block of k at most 180 KiB of A: in L2
constexpr std::size_t k_part = 16, soon_runs = 4;  // so often so many lines of B are asked for
constexpr bool asks_for_rows = true;
constexpr int lone_vectors(int rows) {
    return rows <= 2 ? 8 : 4;
}
constexpr int gradient_vectors = 4;
constexpr int gradient_rows(int vectors) {
    return vectors == 4 ? 4 : 8;
}
constexpr std::size_t near_multiple = 1;
constexpr int few_rows = 4;
constexpr int few_vectors = 4;
constexpr std::size_t many_samples = 768;      // from so many on sums come before steps,
constexpr std::size_t many_far_samples = 256;  // with rows of 1024 values and more
constexpr Level this_level = Level::neon;
constexpr std::string_view this_name = "neon";

#include "pipeline/simd/body.inl.hpp"

}  // namespace

const Kernels* neon_table() {
    return &the_table;
}
const CodingKernels* neon_coding() {
    return &the_coding_table;
}

}  // namespace narrows::simd
#else
namespace narrows::simd {
const Kernels* neon_table() {
    return nullptr;
}
const CodingKernels* neon_coding() {
    return nullptr;
}
}  // namespace narrows::simd
#endif
