// Everything that is written once: included by each level file inside its anonymous namespace,
// after its primitives. The order of operations here is the promise of equal bits; no libm, no
// standard function that is not a builtin, so nothing with outside linkage is compiled.
// Each uses what stands before it.
// clang-format off
#include "pipeline/simd/vector.inl.hpp"
#include "pipeline/simd/functions.inl.hpp"
#include "pipeline/simd/activations.inl.hpp"
#include "pipeline/simd/elementwise.inl.hpp"
#include "pipeline/simd/products.inl.hpp"
#include "pipeline/simd/int8.inl.hpp"
#include "pipeline/simd/optimisers.inl.hpp"
#include "pipeline/simd/gradients.inl.hpp"
#include "pipeline/simd/transposed_product.inl.hpp"
#include "pipeline/simd/dense_step.inl.hpp"
#include "pipeline/simd/losses.inl.hpp"
#include "pipeline/simd/weighted_losses.inl.hpp"
#include "pipeline/simd/random.inl.hpp"
#include "pipeline/simd/residuals.inl.hpp"
#include "pipeline/simd/lanes.inl.hpp"
// clang-format on

constexpr Kernels the_table{
    .level = this_level,
    .name = this_name,
    .reads_far = near_multiple > 1,
    .product = product,
    .transposed_product = transposed_product,
    .int8_product = int8_product,
    .quantise = quantise,
    .weight_gradient = weight_gradient,
    .transpose_tile = transpose_tile,
    .dense_adam = dense_adam,
    .dense_adam_bf16 = dense_adam_bf16,
    .column_sums = column_sums,
    .activate = activate,
    .activation_gradient = activation_gradient,
    .exponential = exponential,
    .logarithm = logarithm,
    .add = add,
    .multiply = multiply,
    .scale = scale,
    .affine = affine,
    .scale_shift = scale_shift,
    .from_u8 = from_u8,
    .sum = sum,
    .sum_squares = sum_squares,
    .squared_distance = squared_distance,
    .all_finite = all_finite,
    .squared_error = squared_error,
    .bce_logits = bce_logits,
    .bce = bce,
    .huber = huber,
    .weighted_squared_error = weighted_squared_error,
    .weighted_bce_logits = weighted_bce_logits,
    .weighted_bce = weighted_bce,
    .weighted_huber = weighted_huber,
    .adam = adam,
    .adam_bf16 = adam_bf16,
    .momentum = momentum,
    .uniform = uniform,
    .normal = normal,
    .add_gaussian = add_gaussian,
    .mask = mask,
    .salt_and_pepper = salt_and_pepper,
    .peak = peak,
};

constexpr CodingKernels the_coding_table{
    .put_residual = put_residual,
    .take_residual = take_residual,
    .encode_row = encode_row,
    .decode_row = decode_row,
};
