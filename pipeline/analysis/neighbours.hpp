// Exact nearest neighbours under the Euclidean distance, by brute force: the fast product ranks
// candidates, distances in double decide.
#pragma once

#include <cstdint>

#include "pipeline/analysis/matrix.hpp"

namespace narrows::analysis {

struct Neighbours {
    std::size_t count = 0;            // of each query
    std::vector<std::int64_t> index;  // [queries, count] rows of the reference, nearest first
    std::vector<double> squared;      // [queries, count]
};

// The k nearest rows of `reference` to each row of `queries` (same columns); ties go to the lower
// row number. k is cut to the number of rows. Exact: where rounding could hide a neighbour the
// query is searched again in double. `leave_out_self`: query i is row i, and not its own neighbour.
// Memory beside the result: a packed block of 2048 reference rows.
NARROWS_PUBLIC Neighbours nearest(const Matrix& reference, const Matrix& queries, std::size_t k,
                                  const Loop& loop, bool leave_out_self = false);

}  // namespace narrows::analysis
