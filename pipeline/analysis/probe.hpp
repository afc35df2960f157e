// How much a linear model and the nearest neighbours read out of features: the quality of codes.
// One rule: nothing is fitted on the test rows, the regularisation neither (it is chosen on a part
// of the training rows).
#pragma once

#include <cstdint>
#include <span>

#include "pipeline/analysis/matrix.hpp"

namespace narrows::analysis {

struct ProbeScores {
    double linear = 0, knn = 0;  // accuracies, or R squared of values
    double lambda = 0;           // the penalty that was chosen, see fit_softmax and fit_ridge
};
struct ProbeSettings {
    std::size_t neighbours = 5;
    std::uint64_t seed = 1;  // of the rows that the regularisation is chosen on
};

// Classes 0 ... classes - 1, one a row. Multinomial logistic regression on features centred and
// divided by one number; majority of the neighbours, ties to the class of the nearest.
NARROWS_PUBLIC ProbeScores probe_classes(const Matrix& train, std::span<const std::int32_t> y,
                                         const Matrix& test, std::span<const std::int32_t> test_y,
                                         std::size_t classes, const ProbeSettings& settings,
                                         const Loop& loop);

// Values, one a row: ridge regression, and the mean of the neighbours.
NARROWS_PUBLIC ProbeScores probe_values(const Matrix& train, std::span<const double> y,
                                        const Matrix& test, std::span<const double> test_y,
                                        const ProbeSettings& settings, const Loop& loop);

}  // namespace narrows::analysis
