// Small dense systems in double, in a fixed order. Private to the room.
#pragma once

#include <span>
#include <vector>

namespace narrows::codec {

// In place: the lower triangle of the symmetric `matrix` [n, n] becomes L with L L^T = matrix.
// False where it is not positive definite.
bool cholesky(std::vector<double>& matrix, std::size_t n);
// right becomes the solution; false as above.
bool solve(std::vector<double> matrix, std::vector<double>& right);

}  // namespace narrows::codec
