// Rows of floats, borrowed, and the sums over rows that the methods here share. One rule: work is
// cut by row and column numbers alone, so that the bits depend on no thread count.
#pragma once

#include <cstddef>
#include <vector>

#include "pipeline/node.hpp"

namespace narrows::analysis {

// [rows, columns], dense, row-major; the memory is the caller's.
struct Matrix {
    const float* data = nullptr;
    std::size_t rows = 0, columns = 0;
    const float* row(std::size_t r) const { return data + r * columns; }
};

// Mean of each column, [columns].
NARROWS_PUBLIC std::vector<double> column_means(const Matrix& x, const Loop& loop);

// Sum over rows of (x - mean)^T (x - mean), [columns, columns], symmetric: chains of floats over
// 512 rows, added in doubles. `mean` [columns] is subtracted in float.
NARROWS_PUBLIC std::vector<double> scatter(const Matrix& x, const std::vector<float>& mean,
                                           const Loop& loop);

}  // namespace narrows::analysis
