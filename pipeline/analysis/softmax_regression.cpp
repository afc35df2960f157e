#include "pipeline/analysis/softmax_regression.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/whole_product.hpp"

namespace narrows::analysis {
namespace {

constexpr std::size_t least_chunk = 1024;
constexpr std::size_t most_chunks = 64;
constexpr std::size_t rows_of_tile = 8;
constexpr std::size_t memory = 10;  // pairs that L-BFGS keeps
constexpr double gradient_goal = 1e-4;
constexpr double armijo = 1e-4;
constexpr int most_halvings = 20;

double dot(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

// The loss, its gradient and the number of right answers, over chunks of rows.
class Objective {
public:
    Objective(const Matrix& x, std::span<const std::int32_t> y, std::size_t classes, double lambda,
              const Loop& loop)
        : x_(x), y_(y), classes_(classes), lambda_(lambda), loop_(loop) {
        const std::size_t even = (x.rows + most_chunks - 1) / most_chunks;
        chunk_ = std::max(least_chunk, (even + rows_of_tile - 1) / rows_of_tile * rows_of_tile);
        chunks_ = (x.rows + chunk_ - 1) / chunk_;
        panels_.resize(simd::panels_size(x.columns, classes));
        bias_.resize(classes);
        loss_.resize(chunks_);
        right_.resize(chunks_);
        scores_.resize(x.rows * classes);
    }

    std::size_t size() const { return (x_.columns + 1) * classes_; }
    double right() const {
        double sum = 0;
        for (const double r : right_) sum += r;
        return sum;
    }

    // Mean loss (with the penalty); gradient [size()] or null.
    double operator()(const std::vector<double>& weights, std::vector<double>* gradient) {
        const std::size_t count = x_.columns * classes_;
        const std::vector<float> rounded(weights.begin(),
                                         weights.begin() + static_cast<std::ptrdiff_t>(count));
        simd::pack(rounded.data(), x_.columns, classes_, panels_.data());
        for (std::size_t c = 0; c < classes_; ++c)
            bias_[c] = static_cast<float>(weights[count + c]);
        if (gradient != nullptr) parts_.resize(chunks_ * size());
        loop_.each(chunks_, [&](std::size_t chunk) { forward(chunk, gradient != nullptr); });
        double sum = 0, squares = 0;
        for (const double loss : loss_) sum += loss;
        for (std::size_t i = 0; i < count; ++i) squares += weights[i] * weights[i];
        const double rows = static_cast<double>(x_.rows);
        if (gradient != nullptr) {
            gradient->assign(size(), 0.0);
            for (std::size_t chunk = 0; chunk < chunks_; ++chunk)
                for (std::size_t i = 0; i < size(); ++i)
                    (*gradient)[i] += double{parts_[chunk * size() + i]};
            for (std::size_t i = 0; i < size(); ++i)
                (*gradient)[i] = (*gradient)[i] / rows + (i < count ? lambda_ * weights[i] : 0.0);
        }
        return sum / rows + lambda_ / 2 * squares;
    }

private:
    void forward(std::size_t chunk, bool with_gradient) {
        const simd::Kernels& kernels = simd::kernels();
        const std::size_t first = chunk * chunk_, rows = std::min(chunk_, x_.rows - first);
        float* scores = scores_.data() + first * classes_;
        simd::Product product =
            simd::whole_product(x_.row(first), rows, x_.columns, panels_.data(), classes_, scores);
        product.bias = bias_.data();
        kernels.product(product);
        loss_[chunk] = right_[chunk] = 0;
        std::vector<float> own(rows);  // score of the right class below the row's highest
        std::vector<float> sums(rows);
        for (std::size_t r = 0; r < rows; ++r) {
            float* row = scores + r * classes_;
            const auto label = static_cast<std::size_t>(y_[first + r]);
            const std::size_t best =
                static_cast<std::size_t>(std::max_element(row, row + classes_) - row);
            if (best == label) ++right_[chunk];
            const float high = row[best];
            for (std::size_t c = 0; c < classes_; ++c) row[c] -= high;
            own[r] = row[label];
        }
        kernels.exponential(scores, scores, rows * classes_);
        for (std::size_t r = 0; r < rows; ++r) {
            float* row = scores + r * classes_;
            double sum = 0;
            for (std::size_t c = 0; c < classes_; ++c) sum += double{row[c]};
            sums[r] = static_cast<float>(sum);
            const float factor = static_cast<float>(1 / sum);
            for (std::size_t c = 0; c < classes_; ++c) row[c] *= factor;
            row[y_[first + r]] -= 1.0f;
        }
        kernels.logarithm(sums.data(), sums.data(), rows);
        for (std::size_t r = 0; r < rows; ++r) loss_[chunk] += double{sums[r]} - double{own[r]};
        if (with_gradient) backward(chunk, first, rows);
    }

    void backward(std::size_t chunk, std::size_t first, std::size_t rows) {
        const simd::Kernels& kernels = simd::kernels();
        const float* errors = scores_.data() + first * classes_;
        float* part = parts_.data() + chunk * size();
        const simd::OuterTerm term{x_.row(first), x_.columns, errors, classes_, rows};
        float tile[rows_of_tile * simd::panel_width];
        for (std::size_t i = 0; i < x_.columns; i += rows_of_tile) {
            const std::size_t height = std::min(rows_of_tile, x_.columns - i);
            for (std::size_t panel = 0; panel < simd::panel_count(classes_); ++panel) {
                kernels.weight_gradient({&term, 1}, i, height, panel, classes_, tile);
                const std::size_t column = panel * simd::panel_width;
                const std::size_t width = std::min(simd::panel_width, classes_ - column);
                for (std::size_t r = 0; r < height; ++r)
                    std::copy_n(tile + r * simd::panel_width, width,
                                part + (i + r) * classes_ + column);
            }
        }
        kernels.column_sums(errors, classes_, rows, 0, classes_, part + x_.columns * classes_);
    }

    const Matrix& x_;
    std::span<const std::int32_t> y_;
    std::size_t classes_;
    double lambda_;
    const Loop& loop_;
    std::size_t chunk_ = 0, chunks_ = 0;
    std::vector<float> panels_, bias_, scores_, parts_;  // parts_: gradient of each chunk
    std::vector<double> loss_, right_;
};

struct Pair {
    std::vector<double> step, change;  // of the weights and of the gradient
    double inverse = 0;                // 1 / (step . change)
};

// Nocedal and Wright's two loops: minus the inverse Hessian times the gradient.
std::vector<double> direction(const std::deque<Pair>& pairs, const std::vector<double>& gradient) {
    std::vector<double> q = gradient;
    std::vector<double> alpha(pairs.size());
    for (std::size_t i = pairs.size(); i-- > 0;) {
        alpha[i] = pairs[i].inverse * dot(pairs[i].step, q);
        for (std::size_t j = 0; j < q.size(); ++j) q[j] -= alpha[i] * pairs[i].change[j];
    }
    double scale = 1 / std::max(1.0, std::sqrt(dot(gradient, gradient)));
    if (!pairs.empty())
        scale = 1 / (pairs.back().inverse * dot(pairs.back().change, pairs.back().change));
    for (double& value : q) value *= scale;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const double beta = pairs[i].inverse * dot(pairs[i].change, q);
        for (std::size_t j = 0; j < q.size(); ++j) q[j] += (alpha[i] - beta) * pairs[i].step[j];
    }
    for (double& value : q) value = -value;
    return q;
}

double largest(const std::vector<double>& values) {
    double out = 0;
    for (const double value : values) out = std::max(out, std::abs(value));
    return out;
}

}  // namespace

SoftmaxRegression fit_softmax(const Matrix& x, std::span<const std::int32_t> y, std::size_t classes,
                              double lambda, const Loop& loop, const SoftmaxRegression* start,
                              int most_iterations) {
    Objective objective(x, y, classes, lambda, loop);
    SoftmaxRegression fit;
    fit.features = x.columns;
    fit.classes = classes;
    fit.weights = start != nullptr ? start->weights : std::vector<double>(objective.size(), 0.0);
    std::vector<double> gradient, next_gradient, next(objective.size());
    fit.loss = objective(fit.weights, &gradient);
    std::deque<Pair> pairs;
    while (fit.iterations < most_iterations && largest(gradient) > gradient_goal) {
        std::vector<double> way = direction(pairs, gradient);
        double slope = dot(way, gradient);
        if (slope >= 0) {  // rounding spoilt the pairs: start over downhill
            if (pairs.empty()) break;
            pairs.clear();
            continue;
        }
        double length = 1, loss = 0;
        int halvings = 0;
        for (;; ++halvings, length /= 2) {
            for (std::size_t i = 0; i < next.size(); ++i)
                next[i] = fit.weights[i] + length * way[i];
            loss = objective(next, &next_gradient);
            if (loss <= fit.loss + armijo * length * slope || halvings == most_halvings) break;
        }
        if (halvings == most_halvings) break;  // as low as floats show
        Pair pair{std::vector<double>(next.size()), std::vector<double>(next.size()), 0};
        for (std::size_t i = 0; i < next.size(); ++i) {
            pair.step[i] = next[i] - fit.weights[i];
            pair.change[i] = next_gradient[i] - gradient[i];
        }
        const double curvature = dot(pair.step, pair.change);
        if (curvature > 1e-12 * dot(pair.change, pair.change)) {
            pair.inverse = 1 / curvature;
            pairs.push_back(std::move(pair));
            if (pairs.size() > memory) pairs.pop_front();
        }
        fit.weights.swap(next);
        gradient.swap(next_gradient);
        fit.loss = loss;
        ++fit.iterations;
    }
    return fit;
}

SoftmaxScores score_softmax(const SoftmaxRegression& fit, const Matrix& x,
                            std::span<const std::int32_t> y, const Loop& loop) {
    Objective objective(x, y, fit.classes, 0, loop);
    const double loss = objective(fit.weights, nullptr);
    return {objective.right() / static_cast<double>(x.rows), loss};
}

}  // namespace narrows::analysis
