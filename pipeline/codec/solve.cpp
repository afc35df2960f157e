#include "pipeline/codec/solve.hpp"

#include <cmath>

namespace narrows::codec {

bool cholesky(std::vector<double>& matrix, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j <= i; ++j) {
            double sum = matrix[i * n + j];
            for (std::size_t k = 0; k < j; ++k) sum -= matrix[i * n + k] * matrix[j * n + k];
            if (i != j) {
                matrix[i * n + j] = sum / matrix[j * n + j];
                continue;
            }
            if (!(sum > 0)) return false;
            matrix[i * n + i] = std::sqrt(sum);
        }
    return true;
}

bool solve(std::vector<double> matrix, std::vector<double>& right) {
    const std::size_t n = right.size();
    if (!cholesky(matrix, n)) return false;
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = 0; k < i; ++k) right[i] -= matrix[i * n + k] * right[k];
        right[i] /= matrix[i * n + i];
    }
    for (std::size_t i = n; i-- > 0;) {
        for (std::size_t k = i + 1; k < n; ++k) right[i] -= matrix[k * n + i] * right[k];
        right[i] /= matrix[i * n + i];
    }
    return true;
}

}  // namespace narrows::codec
