#include <algorithm>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "pipeline/codec/fit.hpp"
#include "pipeline/codec/solve.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::codec {

namespace {

constexpr std::size_t most_predictors = 2048;

double bits_of(double ratio) {
    return simd::logarithm(ratio) / 0.6931471805599453;
}

// Sums over rows of products of centred values, lag by lag; rows before the first one are zeros, so
// that the whole is a covariance.
class Products {
public:
    Products(const Sample& sample, std::uint32_t lags, const Loop& loop)
        : features_(sample.columns), rows_(sample.rows), lags_(lags), mean_(features_, 0.0) {
        for (std::size_t row = 0; row < rows_; ++row)
            for (std::size_t i = 0; i < features_; ++i)
                mean_[i] += sample.values[row * features_ + i];
        for (double& value : mean_) value /= static_cast<double>(rows_);
        std::vector<double> centred(rows_ * features_);
        for (std::size_t i = 0; i < centred.size(); ++i)
            centred[i] = sample.values[i] - mean_[i % features_];
        sums_.assign((lags + 1) * features_ * features_, 0.0);
        loop.each((lags + 1) * features_, [&](std::size_t task) {
            const std::size_t lag = task / features_, i = task % features_;
            double* const out = sums_.data() + task * features_;
            for (std::size_t row = lag; row < rows_; ++row) {
                const double x = centred[row * features_ + i];
                const double* const other = centred.data() + (row - lag) * features_;
                for (std::size_t j = 0; j < features_; ++j) out[j] += x * other[j];
            }
        });
    }
    // Sum over t of x[t][i] * x[t - lag][j].
    double at(std::size_t lag, std::size_t i, std::size_t j) const {
        return sums_[(lag * features_ + i) * features_ + j];
    }
    // Between predictors a, b = lag * features + feature.
    double between(std::size_t a, std::size_t b) const {
        const std::size_t la = a / features_, lb = b / features_;
        return la <= lb ? at(lb - la, a % features_, b % features_)
                        : at(la - lb, b % features_, a % features_);
    }
    std::size_t features() const { return features_; }
    std::size_t rows() const { return rows_; }
    std::uint32_t lags() const { return lags_; }
    const std::vector<double>& mean() const { return mean_; }

private:
    std::size_t features_, rows_;
    std::uint32_t lags_;
    std::vector<double> mean_, sums_;
};

// The feature that explains most of what is not explained yet comes first (pivoted Cholesky).
std::vector<std::uint32_t> by_merit(const Products& products, double noise) {
    const std::size_t n = products.features();
    std::vector<double> rest(n * n);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j) rest[i * n + j] = products.at(0, i, j);
    if (products.lags() > 0) {
        // What the row before does not explain.
        std::vector<double> before(n * n), cross(n * n);
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j) {
                before[i * n + j] = products.at(0, i, j) + (i == j ? noise : 0.0);
                cross[i * n + j] = products.at(1, j, i);  // [previous i][now j]
            }
        if (cholesky(before, n)) {
            // W = L^-1 cross; rest -= W^T W.
            for (std::size_t i = 0; i < n; ++i) {
                for (std::size_t k = 0; k < i; ++k) {
                    const double factor = before[i * n + k];
                    for (std::size_t j = 0; j < n; ++j)
                        cross[i * n + j] -= factor * cross[k * n + j];
                }
                for (std::size_t j = 0; j < n; ++j) cross[i * n + j] /= before[i * n + i];
            }
            for (std::size_t k = 0; k < n; ++k)
                for (std::size_t i = 0; i < n; ++i) {
                    const double factor = cross[k * n + i];
                    for (std::size_t j = 0; j < n; ++j)
                        rest[i * n + j] -= factor * cross[k * n + j];
                }
        }
    }
    for (std::size_t i = 0; i < n; ++i) rest[i * n + i] += noise;
    std::vector<char> used(n, 0);
    std::vector<std::uint32_t> order;
    std::vector<double> column(n);
    for (std::size_t step = 0; step < n; ++step) {
        std::size_t best = n;
        double most = -1;
        for (std::size_t i = 0; i < n; ++i) {
            if (used[i] != 0) continue;
            double gain = 0;
            for (std::size_t j = 0; j < n; ++j)
                if (used[j] == 0) gain += rest[i * n + j] * rest[i * n + j];
            gain /= rest[i * n + i];
            if (gain > most || best == n) {
                most = gain;
                best = i;
            }
        }
        used[best] = 1;
        order.push_back(static_cast<std::uint32_t>(best));
        const double scale = 1 / std::sqrt(rest[best * n + best]);
        for (std::size_t i = 0; i < n; ++i) column[i] = rest[i * n + best] * scale;
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t j = 0; j < n; ++j) rest[i * n + j] -= column[i] * column[j];
        for (std::size_t i = 0; i < n; ++i)
            rest[i * n + i] = std::max(rest[i * n + i], noise * 1e-9 + 1e-300);
    }
    return order;
}

// The terms of one feature in the order in which they were chosen, with the mean squared error
// before the first and after each.
struct Path {
    std::vector<std::size_t> terms;
    std::vector<double> error;
};

Path choose_terms(const Products& products, const std::vector<std::size_t>& candidates,
                  std::size_t target, double noise, std::size_t most) {
    const std::size_t m = candidates.size();
    std::vector<double> norm(m), start(m), dot(m);
    std::vector<std::vector<double>> basis;
    for (std::size_t q = 0; q < m; ++q) {
        start[q] = norm[q] = products.between(candidates[q], candidates[q]) + noise;
        dot[q] = products.between(candidates[q], target);
    }
    const auto rows = static_cast<double>(products.rows());
    double error = products.at(0, target, target);
    Path path;
    path.error.push_back(error / rows);
    while (path.terms.size() < most) {
        std::size_t best = m;
        double gain = 0;
        for (std::size_t q = 0; q < m; ++q) {
            if (!(norm[q] > 1e-9 * start[q])) continue;
            const double here = dot[q] * dot[q] / norm[q];
            if (here > gain) {
                gain = here;
                best = q;
            }
        }
        if (best == m) break;
        std::vector<double> next(m);
        const double scale = 1 / std::sqrt(norm[best]);
        for (std::size_t q = 0; q < m; ++q) {
            double value =
                products.between(candidates[best], candidates[q]) + (q == best ? noise : 0.0);
            for (const auto& earlier : basis) value -= earlier[best] * earlier[q];
            next[q] = value * scale;
        }
        const double along = dot[best] * scale;
        for (std::size_t q = 0; q < m; ++q) {
            norm[q] -= next[q] * next[q];
            dot[q] -= next[q] * along;
        }
        norm[best] = 0;
        basis.push_back(std::move(next));
        path.terms.push_back(candidates[best]);
        error = std::max(0.0, error - along * along);
        path.error.push_back(error / rows);
    }
    return path;
}

struct Size {
    std::size_t most_terms;
    double weight_unit, floor;  // errors below floor * bound^2 are not worth anything
};
constexpr Size sizes[] = {{3, 0x1p-6, 0.5},   {6, 0x1p-8, 0.4},   {8, 0x1p-9, 0.2},
                          {12, 0x1p-11, 0.1}, {16, 0x1p-12, 0.1}, {32, 0x1p-14, 0.1}};

}  // namespace

std::vector<FittedModel> fit_rows(const Sample& sample, double rows_of_dataset, const Loop& loop) {
    const std::size_t features = sample.columns;
    if (features < 2 || features > 1024 || sample.rows < 8) return {};
    const std::uint32_t lags = features <= 256 ? 3 : features <= 512 ? 1 : 0;
    if (features * (lags + 1) > most_predictors) return {};
    const Products products(sample, lags, loop);
    double largest = 0;
    for (std::size_t i = 0; i < features; ++i) largest = std::max(largest, products.at(0, i, i));
    if (!(largest > 0) || !std::isfinite(largest)) return {};
    const auto rows = static_cast<double>(sample.rows);
    const double noise = std::max(rows * sample.bound * sample.bound / 3, largest * 1e-13);
    // An error here shifts every prediction; but models hold no multiples beyond 2^40 (values far
    // from zero), and the row before, with weights that sum to 1, takes the shift out again.
    double farthest = 0;
    for (const double mean : products.mean()) farthest = std::max(farthest, std::abs(mean));
    const double mean_unit =
        std::max({sample.bound / 16, std::sqrt(largest / rows) * 1e-6, farthest * 0x1p-40});

    std::vector<FittedModel> fitted;
    for (const bool natural : {false, true}) {
        std::vector<std::uint32_t> order(features);
        std::iota(order.begin(), order.end(), 0u);
        if (!natural) order = by_merit(products, noise);
        std::vector<Path> paths(features);
        loop.each(features, [&](std::size_t k) {
            std::vector<std::size_t> candidates(order.begin(),
                                                order.begin() + static_cast<std::ptrdiff_t>(k));
            std::sort(candidates.begin(), candidates.end());
            for (std::size_t q = features; q < features * (lags + 1); ++q) candidates.push_back(q);
            paths[k] = choose_terms(products, candidates, order[k], noise,
                                    sizes[std::size(sizes) - 1].most_terms);
        });
        for (const Size& size : sizes) {
            RowModel model;
            model.features = static_cast<std::uint32_t>(features);
            model.order = order;
            model.mean = products.mean();
            model.mean_unit = mean_unit;
            model.weight_unit = size.weight_unit;
            model.terms.resize(features);
            for (std::size_t k = 0; k < features; ++k) {
                const Path& path = paths[k];
                const double floor = size.floor * sample.bound * sample.bound + 1e-300;
                std::size_t count = 0;
                const double cost = 9 - bits_of(size.weight_unit) * 0.75;
                for (std::size_t n = 1; n <= std::min(size.most_terms, path.terms.size()); ++n) {
                    const double saved =
                        rows_of_dataset / 2 *
                        bits_of((path.error[count] + floor) / (path.error[n] + floor));
                    if (saved > cost * static_cast<double>(n - count)) count = n;
                }
                std::vector<double> matrix(count * count), right(count);
                for (std::size_t a = 0; a < count; ++a) {
                    right[a] = products.between(path.terms[a], order[k]);
                    for (std::size_t b = 0; b < count; ++b)
                        matrix[a * count + b] =
                            products.between(path.terms[a], path.terms[b]) + (a == b ? noise : 0.0);
                }
                if (!solve(matrix, right)) continue;
                for (std::size_t a = 0; a < count; ++a) {
                    const double weight = std::nearbyint(right[a] / size.weight_unit);
                    if (weight == 0 || !(std::abs(weight) < 0x1p40)) continue;
                    const auto lag = static_cast<std::uint32_t>(path.terms[a] / features);
                    model.lags = std::max(model.lags, lag);
                    model.terms[k].push_back({lag,
                                              static_cast<std::uint32_t>(path.terms[a] % features),
                                              weight * size.weight_unit});
                }
            }
            for (auto& terms : model.terms)
                std::sort(terms.begin(), terms.end(),
                          [](const RowModel::Term& a, const RowModel::Term& b) {
                              return a.lag != b.lag ? a.lag < b.lag : a.feature < b.feature;
                          });
            FittedModel one;
            one.bytes = write_model(model);
            one.model = read_model(one.bytes);
            one.name =
                fmt::format("{} terms, {}", size.most_terms, natural ? "in order" : "by merit");
            fitted.push_back(std::move(one));
        }
    }
    return fitted;
}

}  // namespace narrows::codec
