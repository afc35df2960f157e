// Primitives that xsimd gives alike at every level; `Arch` is the including file's. Included
// inside an anonymous namespace. What xsimd 8 to 12 spell differently, or get wrong (fused steps
// at AVX-512; estimates for quotients and roots at NEON), stands in the level files as intrinsics.
using F = xsimd::batch<float, Arch>;
using I = xsimd::batch<std::int32_t, Arch>;
using M = xsimd::batch_bool<float, Arch>;
using D = xsimd::batch<double, Arch>;
using L = xsimd::batch<std::uint64_t, Arch>;
constexpr std::size_t width = F::size;

NARROWS_INLINE F set(float x) {
    return F(x);
}
NARROWS_INLINE I set(std::int32_t x) {
    return I(x);
}
NARROWS_INLINE D set(double x) {
    return D(x);
}
NARROWS_INLINE L set(std::uint64_t x) {
    return L(x);
}
NARROWS_INLINE L first_blocks() {
    alignas(64) static constexpr std::uint64_t count[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    return L::load_unaligned(count);
}
NARROWS_INLINE I lane_numbers() {
    alignas(64) static constexpr std::int32_t count[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                           8, 9, 10, 11, 12, 13, 14, 15};
    return I::load_unaligned(count);
}
NARROWS_INLINE F load(const float* p) {
    return F::load_unaligned(p);
}
NARROWS_INLINE D load(const double* p) {
    return D::load_unaligned(p);
}
NARROWS_INLINE void store(float* p, F v) {
    v.store_unaligned(p);
}
NARROWS_INLINE void store(double* p, D v) {
    v.store_unaligned(p);
}
NARROWS_INLINE F select(M m, F a, F b) {
    return xsimd::select(m, a, b);
}
NARROWS_INLINE I sum_of(I a, I b) {
    return a + b;
}
NARROWS_INLINE I difference(I a, I b) {
    return a - b;
}
NARROWS_INLINE I product_of(I a, I b) {
    return a * b;
}
NARROWS_INLINE double fused(double a, double b, double c) {
    return __builtin_fma(a, b, c);
}
