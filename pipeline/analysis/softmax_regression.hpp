// Multinomial logistic regression with an L2 penalty, by limited-memory BFGS (Nocedal and Wright
// 2006, algorithm 7.4) with a backtracking line search. Sums over rows are cut into chunks by the
// number of rows alone and added in order: the same bits for any thread count.
#pragma once

#include <cstdint>
#include <span>

#include "pipeline/analysis/matrix.hpp"

namespace narrows::analysis {

struct SoftmaxRegression {
    std::size_t features = 0, classes = 0;
    std::vector<double> weights;  // [features, classes], then the bias [classes]
    double loss = 0;              // nats per sample with the penalty
    int iterations = 0;
};

// Minimises mean_r -log softmax(x_r W + b)[y_r] + lambda / 2 |W|^2. y: [rows], 0 ... classes - 1.
// Features should be centred and of deviation about 1. Starts at `start` where given (same sizes).
// Ends when no entry of the gradient exceeds 1e-4, or after `most_iterations`.
NARROWS_PUBLIC SoftmaxRegression fit_softmax(const Matrix& x, std::span<const std::int32_t> y,
                                             std::size_t classes, double lambda, const Loop& loop,
                                             const SoftmaxRegression* start = nullptr,
                                             int most_iterations = 200);

struct SoftmaxScores {
    double accuracy = 0, loss = 0;  // share of rows; nats per sample without the penalty
};
// Ties go to the lower class.
NARROWS_PUBLIC SoftmaxScores score_softmax(const SoftmaxRegression& fit, const Matrix& x,
                                           std::span<const std::int32_t> y, const Loop& loop);

}  // namespace narrows::analysis
