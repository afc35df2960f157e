#include "pipeline/analysis/ridge.hpp"

#include <algorithm>

#include <Eigen/Dense>

namespace narrows::analysis {
namespace {

constexpr std::size_t columns_together = 64;
constexpr std::size_t ridge_task_rows = 1024;

}  // namespace

std::vector<Ridge> fit_ridge(const Matrix& x, std::span<const double> y,
                             std::span<const double> lambdas, const Loop& loop) {
    const std::size_t d = x.columns;
    const double rows = static_cast<double>(x.rows);
    Ridge base;
    base.mean = column_means(x, loop);
    for (const double value : y) base.offset += value;
    base.offset /= rows;
    const std::vector<float> shift(base.mean.begin(), base.mean.end());
    const std::vector<double> sums = scatter(x, shift, loop);
    Eigen::VectorXd right = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(d));
    loop.each((d + columns_together - 1) / columns_together, [&](std::size_t task) {
        const std::size_t first = task * columns_together,
                          last = std::min(first + columns_together, d);
        for (std::size_t r = 0; r < x.rows; ++r)
            for (std::size_t j = first; j < last; ++j)
                right(static_cast<Eigen::Index>(j)) +=
                    (double{x.row(r)[j]} - base.mean[j]) * (y[r] - base.offset);
    });
    const Eigen::Map<const Eigen::MatrixXd> matrix(sums.data(), static_cast<Eigen::Index>(d),
                                                   static_cast<Eigen::Index>(d));
    std::vector<Ridge> fits;
    for (const double lambda : lambdas) {
        Eigen::MatrixXd damped = matrix;
        damped.diagonal().array() += lambda * rows;
        const Eigen::VectorXd weights = damped.ldlt().solve(right);
        fits.push_back(base);
        fits.back().weights.assign(weights.data(), weights.data() + weights.size());
    }
    return fits;
}

std::vector<double> predict(const Ridge& fit, const Matrix& x, const Loop& loop) {
    std::vector<double> out(x.rows);
    loop.each((x.rows + ridge_task_rows - 1) / ridge_task_rows, [&](std::size_t task) {
        for (std::size_t r = task * ridge_task_rows;
             r < std::min((task + 1) * ridge_task_rows, x.rows); ++r) {
            double sum = fit.offset;
            for (std::size_t j = 0; j < x.columns; ++j)
                sum += (double{x.row(r)[j]} - fit.mean[j]) * fit.weights[j];
            out[r] = sum;
        }
    });
    return out;
}

double r_squared(std::span<const double> y, std::span<const double> predicted) {
    double mean = 0, errors = 0, squares = 0;
    for (const double value : y) mean += value;
    mean /= static_cast<double>(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
        errors += (y[i] - predicted[i]) * (y[i] - predicted[i]);
        squares += (y[i] - mean) * (y[i] - mean);
    }
    if (squares == 0) return errors == 0 ? 1 : 0;
    return 1 - errors / squares;
}

}  // namespace narrows::analysis
