// Ridge regression (Hoerl and Kennard 1970) by the normal equations.
#pragma once

#include <span>

#include "pipeline/analysis/matrix.hpp"

namespace narrows::analysis {

struct Ridge {
    std::vector<double> mean;     // [features] of x
    std::vector<double> weights;  // [features]
    double offset = 0;            // mean of the targets
};

// Minimises mean_r (y_r - offset - (x_r - mean) w)^2 + lambda |w|^2, one fit for each lambda (all
// above 0). y: [rows].
NARROWS_PUBLIC std::vector<Ridge> fit_ridge(const Matrix& x, std::span<const double> y,
                                            std::span<const double> lambdas, const Loop& loop);
NARROWS_PUBLIC std::vector<double> predict(const Ridge& fit, const Matrix& x, const Loop& loop);

// 1 - (sum of squared errors) / (sum of squares about the mean of y); constant y: 1 where all is
// exact, else 0, as scikit-learn has it.
NARROWS_PUBLIC double r_squared(std::span<const double> y, std::span<const double> predicted);

}  // namespace narrows::analysis
