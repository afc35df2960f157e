#include "pipeline/analysis/pca.hpp"

#include <algorithm>
#include <cmath>

#include <Eigen/Dense>

#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/random.hpp"
#include "pipeline/simd/whole_product.hpp"

namespace narrows::analysis {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr std::size_t exact_features = 2048;
constexpr std::size_t spare_directions = 10;
constexpr int rounds = 8;  // of subspace iteration
constexpr std::size_t pca_task_rows = 256;

// c = a * b, a: [rows, depth] double row-major times b [depth, n]; rows are tasks.
RowMajor times(const std::vector<double>& a, const RowMajor& b, const Loop& loop) {
    const auto d = static_cast<std::size_t>(b.rows());
    const auto n = static_cast<std::size_t>(b.cols());
    RowMajor c = RowMajor::Zero(b.rows(), b.cols());
    loop.each(d, [&](std::size_t i) {
        double* to = c.data() + i * n;
        for (std::size_t k = 0; k < d; ++k) {
            const double factor = a[i * d + k];
            const double* from = b.data() + k * n;
            for (std::size_t j = 0; j < n; ++j) to[j] += factor * from[j];
        }
    });
    return c;
}

void orthonormalise(RowMajor& q) {
    const Eigen::HouseholderQR<RowMajor> qr(q);
    q = qr.householderQ() * RowMajor::Identity(q.rows(), q.cols());
}

// The dominant directions of a large scatter matrix; columns of the result, with their values.
void dominant(const std::vector<double>& a, std::size_t d, std::size_t count, const Loop& loop,
              Eigen::VectorXd& values, Eigen::MatrixXd& vectors) {
    const std::size_t width = std::min(d, count + spare_directions);
    RowMajor q(static_cast<Eigen::Index>(d), static_cast<Eigen::Index>(width));
    for (std::size_t i = 0; i < d; ++i)
        for (std::size_t j = 0; j < width; ++j)
            q(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
                double{
                    simd::to_uniform(simd::philox(0, 0, 0, i, static_cast<std::uint32_t>(j))[0])} -
                0.5;
    orthonormalise(q);
    for (int round = 0; round < rounds; ++round) {
        q = times(a, q, loop);
        orthonormalise(q);
    }
    const Eigen::MatrixXd small = q.transpose() * times(a, q, loop);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(small);
    values = solver.eigenvalues();
    vectors = q * solver.eigenvectors();
}

}  // namespace

Pca fit_pca(const Matrix& x, std::size_t count, const Loop& loop) {
    if (x.rows < 2 || x.columns == 0)
        throw Error(Fault::input, "PCA needs two samples or more, found " + std::to_string(x.rows));
    const std::size_t d = x.columns;
    count = std::min({count, d, x.rows - 1});
    Pca pca;
    const std::vector<double> mean = column_means(x, loop);
    pca.mean.assign(mean.begin(), mean.end());
    const std::vector<double> sums = scatter(x, pca.mean, loop);
    const double divisor = static_cast<double>(x.rows - 1);
    for (std::size_t i = 0; i < d; ++i) pca.total_variance += sums[i * d + i] / divisor;

    Eigen::VectorXd values;
    Eigen::MatrixXd vectors;
    if (d <= exact_features) {
        const Eigen::Map<const Eigen::MatrixXd> matrix(sums.data(), static_cast<Eigen::Index>(d),
                                                       static_cast<Eigen::Index>(d));
        const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(matrix);
        values = solver.eigenvalues();
        vectors = solver.eigenvectors();
    } else {
        dominant(sums, d, count, loop, values, vectors);
    }
    pca.components.resize(count * d);
    for (std::size_t c = 0; c < count; ++c) {
        const Eigen::Index place = values.size() - 1 - static_cast<Eigen::Index>(c);
        pca.variance.push_back(std::max(0.0, values(place)) / divisor);
        Eigen::Index largest = 0;
        vectors.col(place).cwiseAbs().maxCoeff(&largest);
        const double sign = vectors(largest, place) < 0 ? -1 : 1;
        for (std::size_t j = 0; j < d; ++j)
            pca.components[c * d + j] =
                static_cast<float>(sign * vectors(static_cast<Eigen::Index>(j), place));
    }
    return pca;
}

void project(const Pca& pca, const Matrix& x, float* out, const Loop& loop) {
    const std::size_t d = pca.features(), n = pca.count();
    std::vector<float> panels(simd::panels_size(d, n));
    simd::pack_transposed(pca.components.data(), n, d, panels.data());
    const std::vector<float> ones(d, 1.0f);
    loop.each((x.rows + pca_task_rows - 1) / pca_task_rows, [&](std::size_t task) {
        const std::size_t first = task * pca_task_rows;
        const std::size_t rows = std::min(pca_task_rows, x.rows - first);
        std::vector<float> centred(x.row(first), x.row(first) + rows * d);
        simd::kernels().affine(centred.data(), pca.mean.data(), ones.data(), d, rows,
                               centred.data());
        simd::kernels().product(
            simd::whole_product(centred.data(), rows, d, panels.data(), n, out + first * n));
    });
}

}  // namespace narrows::analysis
