// Rows of whole pages meet in one set of the first cache, and a weight gradient reads many of them
// at once. Where a copy with a cache line between the rows pays, the layer reads that instead.
#pragma once

#include <cstddef>

#include "pipeline/simd/kernels.hpp"

namespace narrows::layers::spaced {

inline constexpr std::size_t page = 1024, gap = 16, fewest_others = 512;  // floats

// A value is copied once, then multiplied `others` times.
constexpr bool pays(std::size_t width, std::size_t others) {
    return width % page == 0 && others >= fewest_others;
}
// The same for the right side of a weight gradient, which some kernels bring near by themselves.
inline bool pays_right(std::size_t width, std::size_t others) {
    return simd::kernels().reads_far && pays(width, others);
}
constexpr std::size_t stride(std::size_t width) {
    return width + gap;
}

// Rows first ... last-1 of from [rows, width] to to [rows, stride(width)].
NARROWS_PUBLIC void copy(const float* from, std::size_t width, std::size_t first, std::size_t last,
                         float* to);

}  // namespace narrows::layers::spaced
