// A convolution without patches: its outputs fall into cells, rectangles of pixels that add up the
// same taps at even distances, so that each cell is a product whose rows are the neighbouring
// outputs, or one output of many samples, read where they lie. One rule: what an output adds up,
// and in which order, follows from the layer's settings alone, never from how the rows are taken.
#pragma once

#include <span>
#include <vector>

#include "pipeline/layers/windows.hpp"
#include "pipeline/simd/kernels.hpp"

namespace narrows::layers {

struct Cell {
    struct Side {  // in values of a sample
        std::ptrdiff_t first = 0, down = 0, across = 0;
    };
    std::size_t rows = 0, columns = 0;  // of outputs
    Side in, out;
    std::vector<simd::Stretch> stretches;  // from an output's place on the input side; never empty
};

// Big to small: the chain of an output goes over taps, then channels of the big side; `outputs`
// channels of the small side.
std::vector<Cell> gather_cells(const Windows& windows, std::size_t outputs);
// Small to big, its adjoint: over windows in increasing position, then the `inputs` channels of the
// small side. The weight is [taps * inputs, channels].
std::vector<Cell> spread_cells(const Windows& windows, std::size_t inputs);

// Samples first ... last-1: `product` with its panels, columns, bias and activation, `before` and
// `c` of the whole batch; `in_size` and `out_size` are the values of a sample.
void multiply_cells(std::span<const Cell> cells, simd::Product product, const float* in,
                    std::size_t in_size, std::size_t out_size, std::size_t first, std::size_t last);

}  // namespace narrows::layers
