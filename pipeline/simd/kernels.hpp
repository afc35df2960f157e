// The hot loops, written once over xsimd batches and compiled per instruction level; one table of
// functions, chosen at first use. One rule: every level gives the same bits - one fused chain per
// output in increasing order, our own polynomials instead of libm, a fixed number of virtual lanes
// in every reduction (16). All functions are thread-safe, allocate nothing and throw nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "pipeline/node.hpp"

namespace narrows::simd {

enum class Level : std::uint8_t { portable, avx2, avx512, neon };
enum class Activation : std::uint8_t {
    linear,
    relu,
    leaky_relu,
    elu,
    selu,
    gelu,
    sigmoid,
    tanh,
    softplus
};
// gelu's derivative needs z (before the activation); all others' needs y (after it).
constexpr bool derivative_needs_input(Activation a) {
    return a == Activation::gelu;
}

// A matrix B [k, n] is kept in column panels of 32: panel p holds columns 32p ... 32p+31 as
// [k][32] row after row; columns beyond n are zero.
inline constexpr std::size_t panel_width = 32;
constexpr std::size_t panel_count(std::size_t columns) {
    return (columns + panel_width - 1) / panel_width;
}
constexpr std::size_t panels_size(std::size_t k, std::size_t n) {  // floats
    return panel_count(n) * k * panel_width;
}

// Where a run of an inner dimension lies: `depth` values from a row's place + `a`, against rows
// `row` ... of B.
struct Stretch {
    std::ptrdiff_t a = 0;
    std::size_t row = 0, depth = 0;
};

// C[m, n] = activation(A[m, k] * B + bias): each element one fused chain from 0 in increasing k,
// then + bias, then the activation. Rows are dense with the given strides (in floats). With
// stretches k runs over those, one after the other, and `depth` only says how high B's panels are.
struct Product {
    const float* a = nullptr;
    std::size_t a_stride = 0, rows = 0, depth = 0;
    const float* panels = nullptr;                // B packed
    std::size_t columns = 0;                      // n
    std::size_t first_panel = 0, last_panel = 0;  // do these panels only
    float* c = nullptr;
    std::size_t c_stride = 0;
    const float* bias = nullptr;  // [n] or null
    Activation activation = Activation::linear;
    float alpha = 0;          // slope of leaky_relu, scale of elu
    float* before = nullptr;  // if not null: A*B + bias, laid out as C
    // If not null, laid out as C: values that relu gave, and C is the gradient of its input: 0
    // where they are not positive. Not together with an activation.
    const float* relu_output = nullptr;
    std::span<const Stretch> stretches{};
};

// y[m, n] = activation((A[m, k] * B) * scale + bias) with bytes A, signed bytes B, exact sums in 32
// bits (k <= int8_most_depth) and one fused step; or those values as bytes, round(y * factor +
// offset) within 0 ... 255, halves to even. B in column panels of 32: [k / 4][32][4], zeros beyond
// k and n.
inline constexpr std::size_t int8_most_depth = 0x7fffffff / (255 * 127);
constexpr std::size_t int8_panels_size(std::size_t k, std::size_t n) {  // bytes
    return panel_count(n) * ((k + 3) / 4) * 4 * panel_width;
}
struct Int8Product {
    const std::uint8_t* a = nullptr;
    std::size_t a_stride = 0, rows = 0, depth = 0;
    const std::int8_t* panels = nullptr;
    std::size_t columns = 0;
    const float* scale = nullptr;  // [panel_count(n) * 32], as all of these
    const float* bias = nullptr;
    Activation activation = Activation::linear;
    float alpha = 0;
    float* c = nullptr;  // values; not read where `bytes` is given
    std::uint8_t* bytes = nullptr;
    const float* factor = nullptr;
    const float* offset = nullptr;
    std::size_t c_stride = 0;  // of c or bytes, in values
};

// One term of a weight gradient: sum over r of a[r, i] * b[r, j]; for windows over images the same
// again for each line of a block, and for each block.
struct OuterTerm {
    const float* a = nullptr;
    std::size_t a_stride = 0;
    const float* b = nullptr;
    std::size_t b_stride = 0;
    std::size_t rows = 0;
    struct Again {
        std::size_t times = 1, a = 0, b = 0;  // how often, and how far on each time
        bool operator==(const Again&) const = default;
    };
    Again lines{}, blocks{};
};

struct AdamStep {  // Kingma and Ba 2015, Algorithm 1; decoupled decay after Loshchilov and Hutter
                   // 2019
    float rate = 1e-3f, beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-8f;
    float correction1 = 1, correction2 = 1;   // 1 / (1 - beta^t)
    float decay = 0;                          // adds decay * w to the gradient (L2)
    float decoupled_decay = 0;                // w -= rate * decoupled_decay * w
    float gradient_scale = 1;                 // clipping
    std::array<std::uint32_t, 2> rounding{};  // key of the moments' rounding, where they are bf16
};
// A step of Adam for rows first ... last-1 of one panel of a dense layer's weights [inputs,
// outputs]: gradient over all terms (as weight_gradient), Adam, and the packed transpose. Same bits
// as the three called one after the other.
struct DenseStep {
    std::span<const OuterTerm> terms;  // of one line and block each
    std::size_t panel = 0, first = 0, last = 0, inputs = 0, outputs = 0;  // first: a multiple of 8
    // in panels, from the first; dense_adam_bf16: `mean` holds both moments, `variance` is not read
    float *weight = nullptr, *mean = nullptr, *variance = nullptr;
    float* transposed = nullptr;  // its panels, or null
    AdamStep adam;
};
struct MomentumStep {
    float rate = 1e-2f, momentum = 0, decay = 0, gradient_scale = 1;
    bool nesterov = false;
};

struct RandomStream {  // Philox4x32-10 (Salmon et al. 2011): counter (element/4, sample lo, sample
                       // hi, epoch)
    std::uint64_t seed = 0;
    std::uint32_t node = 0,
                  epoch = 0;  // key = (seed lo ^ node * odd constant, seed hi); see random.hpp
    std::uint64_t sample = 0;
};

struct Kernels {
    Level level;
    std::string_view name;
    // weight_gradient and dense_adam read B's rows where they lie, unless those are whole pages
    // apart: the caller may help by a copy with space between them. Else they copy in any case.
    bool reads_far;

    // -- products
    void (*product)(const Product&);
    // C = A B^T from the panels of B [columns, depth]; bias, activation, `before` and stretches
    // are not looked at.
    void (*transposed_product)(const Product&);
    void (*int8_product)(const Int8Product&);
    // y = round(x * factor + offset) within 0 ... 255, factor and offset [features]; NaN: 0
    void (*quantise)(const float* x, const float* factor, const float* offset, std::size_t features,
                     std::size_t rows, std::uint8_t* y);
    // tile [count][32] = sum over terms, rows in order, of a[r, first + i] * b[r, 32 * panel + j];
    // i < count; columns beyond `columns` give 0. 16 of them at once, and more, pay where the terms
    // have 32 rows and more.
    void (*weight_gradient)(std::span<const OuterTerm> terms, std::size_t first, std::size_t count,
                            std::size_t panel, std::size_t columns, float* tile);
    // Writes rows first ... first+count-1 (fastest: 8) of panel `panel` of B [k, n], given as a
    // tile [count][32], into the panels of B^T [n, k].
    void (*transpose_tile)(const float* tile, std::size_t first, std::size_t count,
                           std::size_t panel, std::size_t k, std::size_t n, float* transposed);
    void (*dense_adam)(const DenseStep&);
    void (*dense_adam_bf16)(const DenseStep&);
    // sums[j] = chain over r of x[r, j], for first <= j < last
    void (*column_sums)(const float* x, std::size_t stride, std::size_t rows, std::size_t first,
                        std::size_t last, float* sums);

    // -- elementwise; y may be x
    void (*activate)(Activation, float alpha, const float* x, float* y, std::size_t n);
    // dz = dy * act'(...), `saved` is z for gelu and y for all others; dz may be dy
    void (*activation_gradient)(Activation, float alpha, const float* saved, const float* dy,
                                float* dz, std::size_t n);
    void (*exponential)(const float* x, float* y, std::size_t n);
    void (*logarithm)(const float* x, float* y, std::size_t n);
    void (*add)(const float* x, float* y, std::size_t n);       // y += x
    void (*multiply)(const float* x, float* y, std::size_t n);  // y *= x
    void (*scale)(float factor, float* y, std::size_t n);       // y *= factor
    // y = (x - shift) * factor, per feature (features repeat over rows), or one pair for all
    void (*affine)(const float* x, const float* shift, const float* factor, std::size_t features,
                   std::size_t rows, float* y);
    // y = x * a + b, in one fused step
    void (*scale_shift)(const float* x, float a, float b, float* y, std::size_t n);

    // -- conversions to float: y = float(x) * factor (one rounding of the product)
    void (*from_u8)(const std::uint8_t* x, float factor, float* y, std::size_t n);

    // -- reductions of one row, in double, 16 virtual lanes, fixed tree
    double (*sum)(const float* x, std::size_t n);
    double (*sum_squares)(const float* x, std::size_t n);
    double (*squared_distance)(const float* x, const float* y, std::size_t n);
    bool (*all_finite)(const float* x, std::size_t n);

    // -- losses of one row: returns the sum over elements; if gradient is not null, writes
    //    scale * d(sum)/d(prediction)
    double (*squared_error)(const float* prediction, const float* target, float scale,
                            float* gradient, std::size_t n);
    double (*bce_logits)(const float* logits, const float* target, float scale, float* gradient,
                         std::size_t n);
    double (*bce)(const float* probability, const float* target, float scale, float* gradient,
                  std::size_t n);  // probabilities clamped to [1e-7, 1 - 1e-7]
    double (*huber)(const float* prediction, const float* target, float delta, float scale,
                    float* gradient, std::size_t n);

    // -- the same with a weight for each element (0: as if it were not there): sum of w * loss, and
    //    scale * w * d(loss)/d(prediction). Predictions and targets must be finite everywhere.
    double (*weighted_squared_error)(const float* prediction, const float* target,
                                     const float* weight, float scale, float* gradient,
                                     std::size_t n);
    double (*weighted_bce_logits)(const float* logits, const float* target, const float* weight,
                                  float scale, float* gradient, std::size_t n);
    double (*weighted_bce)(const float* probability, const float* target, const float* weight,
                           float scale, float* gradient, std::size_t n);
    double (*weighted_huber)(const float* prediction, const float* target, const float* weight,
                             float delta, float scale, float* gradient, std::size_t n);

    // -- optimisers, one pass
    void (*adam)(const AdamStep&, float* w, const float* g, float* m, float* v, std::size_t n);
    // Moments in bf16, both in the bits of one float (bf16.hpp): computed in fp32, stored by a
    // rounding that depends on step.rounding and on the value's place, `first` for the first one.
    void (*adam_bf16)(const AdamStep&, std::size_t first, float* w, const float* g, float* moments,
                      std::size_t n);
    void (*momentum)(const MomentumStep&, float* w, const float* g, float* m, std::size_t n);

    // -- randomness: element e of a sample gets the same number whatever is asked beside it
    void (*uniform)(const RandomStream&, std::size_t first, float* y, std::size_t n);  // [0, 1)
    void (*normal)(const RandomStream&, std::size_t first, float* y, std::size_t n);
    void (*add_gaussian)(const RandomStream&, float sigma, const float* x, float* y, std::size_t n);
    // y = u < rate ? value : x * keep_factor
    void (*mask)(const RandomStream&, float rate, float value, float keep_factor, const float* x,
                 float* y, std::size_t n);
    void (*salt_and_pepper)(const RandomStream&, float rate, float low, float high, const float* x,
                            float* y, std::size_t n);

    // -- for `bench`: fused multiply-adds done by a loop that never leaves the registers
    double (*peak)(std::size_t iterations);  // returns flops done
};

// The table in use: the best level of this machine, or what select() chose.
NARROWS_PUBLIC const Kernels& kernels();
// Forces a level (`--kernel`); false if this machine or build has it not. Call before any work.
NARROWS_PUBLIC bool select(Level level);
NARROWS_PUBLIC const Kernels* table(Level level);  // null if not available here
NARROWS_PUBLIC std::span<const Level> available();
// Every way that this machine has to compute: a table a level, and those that a CPU with more
// instructions leaves unused (for tests).
NARROWS_PUBLIC std::span<const Kernels* const> all_tables();
NARROWS_PUBLIC std::optional<Level> level_from(std::string_view name);

// Plain packing (set-up and loading; the training step repacks tile by tile).
NARROWS_PUBLIC void pack(const float* b, std::size_t k, std::size_t n,
                         float* panels);  // b row-major [k, n]
NARROWS_PUBLIC void unpack(const float* panels, std::size_t k, std::size_t n, float* b);
NARROWS_PUBLIC void pack_transposed(const float* b, std::size_t k, std::size_t n,
                                    float* panels);  // panels of B^T
NARROWS_PUBLIC void pack_int8(const std::int8_t* b, std::size_t k, std::size_t n,
                              std::int8_t* panels);

}  // namespace narrows::simd
