#include "pipeline/analysis/probe.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/analysis/neighbours.hpp"
#include "pipeline/analysis/ridge.hpp"
#include "pipeline/analysis/softmax_regression.hpp"
#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/random.hpp"

namespace narrows::analysis {
namespace {

constexpr double lambdas[] = {1e-2, 1e-3, 1e-4, 1e-5, 1e-6};  // strongest first
constexpr std::size_t most_choice_rows = 20000;               // that the choice looks at
constexpr std::size_t held_out_part = 6;                      // one row in so many
constexpr std::size_t fewest_rows = 12;                       // for a choice at all
constexpr int choice_iterations = 100;
constexpr std::size_t task_rows = 512;
constexpr std::uint32_t shuffle_key = 0x70726f62;

// Moves the mean to 0 and the mean variance to 1: the penalty then means the same in all units.
struct Standard {
    std::vector<float> shift, factor;
};

Standard fit_standard(const Matrix& x, const Loop& loop) {
    Standard out;
    const std::vector<double> mean = column_means(x, loop);
    out.shift.assign(mean.begin(), mean.end());
    std::vector<double> sums((x.rows + task_rows - 1) / task_rows);
    loop.each(sums.size(), [&](std::size_t task) {
        for (std::size_t r = task * task_rows; r < std::min((task + 1) * task_rows, x.rows); ++r)
            sums[task] += simd::kernels().squared_distance(x.row(r), out.shift.data(), x.columns);
    });
    double sum = 0;
    for (const double part : sums) sum += part;
    const double variance = sum / static_cast<double>(x.rows * x.columns);
    out.factor.assign(x.columns, variance > 0 ? static_cast<float>(1 / std::sqrt(variance)) : 1.0f);
    return out;
}

// Rows in the order that place(i) says, standardised.
template <class Place>
std::vector<float> arranged(const Matrix& x, const Standard& standard, const Loop& loop,
                            const Place& place) {
    std::vector<float> out(x.rows * x.columns);
    loop.each((x.rows + task_rows - 1) / task_rows, [&](std::size_t task) {
        const std::size_t first = task * task_rows, rows = std::min(task_rows, x.rows - first);
        float* to = out.data() + first * x.columns;
        for (std::size_t r = 0; r < rows; ++r)
            std::copy_n(x.row(place(first + r)), x.columns, to + r * x.columns);
        simd::kernels().affine(to, standard.shift.data(), standard.factor.data(), x.columns, rows,
                               to);
    });
    return out;
}

Matrix part(const Matrix& x, std::size_t first, std::size_t rows) {
    return {x.row(first), rows, x.columns};
}

struct Choice {
    std::size_t fit = 0, held = 0;  // rows: the first ones, and those behind them
};
Choice choice_rows(std::size_t rows) {
    const std::size_t all = std::min(rows, most_choice_rows);
    const std::size_t held = std::max<std::size_t>(1, all / held_out_part);
    return {all - held, held};
}

// By the held-out rows' log loss, which wavers less than their accuracy.
double choose_softmax(const Matrix& x, std::span<const std::int32_t> y, std::size_t classes,
                      const Loop& loop) {
    if (x.rows < fewest_rows) return lambdas[1];
    const Choice rows = choice_rows(x.rows);
    const Matrix fit_x = part(x, 0, rows.fit), held_x = part(x, rows.fit, rows.held);
    double best = lambdas[0], best_loss = 0;
    SoftmaxRegression fit;
    for (const double lambda : lambdas) {
        fit = fit_softmax(fit_x, y.first(rows.fit), classes, lambda, loop,
                          fit.weights.empty() ? nullptr : &fit, choice_iterations);
        const double loss = score_softmax(fit, held_x, y.subspan(rows.fit, rows.held), loop).loss;
        if (lambda != lambdas[0] && loss >= best_loss) break;  // weaker penalties overfit further
        best = lambda;
        best_loss = loss;
    }
    // The same weight against one sample's loss, for more samples.
    return best * static_cast<double>(rows.fit) / static_cast<double>(x.rows);
}

double vote(const Neighbours& near, std::span<const std::int32_t> y,
            std::span<const std::int32_t> test_y, std::size_t classes) {
    std::size_t right = 0;
    std::vector<std::size_t> votes(classes);
    for (std::size_t q = 0; q < test_y.size(); ++q) {
        std::fill(votes.begin(), votes.end(), 0);
        const auto label = [&](std::size_t i) {
            return static_cast<std::size_t>(
                y[static_cast<std::size_t>(near.index[q * near.count + i])]);
        };
        std::size_t most = 0;
        for (std::size_t i = 0; i < near.count; ++i) most = std::max(most, ++votes[label(i)]);
        for (std::size_t i = 0; i < near.count; ++i) {
            if (votes[label(i)] != most) continue;
            if (label(i) == static_cast<std::size_t>(test_y[q])) ++right;
            break;
        }
    }
    return static_cast<double>(right) / static_cast<double>(test_y.size());
}

// The training rows in a keyed order, so that any run of them is a fair part.
struct Shuffled {
    Standard standard;
    std::vector<std::size_t> order;
    std::vector<float> values;
    Shuffled(const Matrix& x, std::uint64_t seed, const Loop& loop)
        : standard(fit_standard(x, loop)), order(x.rows) {
        const simd::Permutation permutation(seed, shuffle_key, 0, x.rows);
        for (std::size_t i = 0; i < x.rows; ++i)
            order[i] = static_cast<std::size_t>(permutation(i));
        values = arranged(x, standard, loop, [&](std::size_t i) { return order[i]; });
    }
    template <class T>
    std::vector<T> arrange(std::span<const T> y) const {
        std::vector<T> out(y.size());
        for (std::size_t i = 0; i < y.size(); ++i) out[i] = y[order[i]];
        return out;
    }
};

}  // namespace

ProbeScores probe_classes(const Matrix& train, std::span<const std::int32_t> y, const Matrix& test,
                          std::span<const std::int32_t> test_y, std::size_t classes,
                          const ProbeSettings& settings, const Loop& loop) {
    ProbeScores out;
    {
        const Shuffled rows(train, settings.seed, loop);
        const Matrix x{rows.values.data(), train.rows, train.columns};
        const std::vector<std::int32_t> labels = rows.arrange(y);
        out.lambda = choose_softmax(x, labels, classes, loop);
        const SoftmaxRegression fit = fit_softmax(x, labels, classes, out.lambda, loop);
        const std::vector<float> other =
            arranged(test, rows.standard, loop, [](std::size_t i) { return i; });
        out.linear =
            score_softmax(fit, {other.data(), test.rows, test.columns}, test_y, loop).accuracy;
    }
    out.knn = vote(nearest(train, test, settings.neighbours, loop), y, test_y, classes);
    return out;
}

ProbeScores probe_values(const Matrix& train, std::span<const double> y, const Matrix& test,
                         std::span<const double> test_y, const ProbeSettings& settings,
                         const Loop& loop) {
    ProbeScores out;
    {
        const Shuffled rows(train, settings.seed, loop);
        const Matrix x{rows.values.data(), train.rows, train.columns};
        const std::vector<double> values = rows.arrange(y);
        out.lambda = lambdas[1];
        if (train.rows >= fewest_rows) {
            const std::size_t held = std::max<std::size_t>(1, train.rows / held_out_part);
            const std::size_t kept = train.rows - held;
            const Matrix held_x = part(x, kept, held);
            const std::vector<Ridge> fits = fit_ridge(
                part(x, 0, kept), std::span<const double>(values).first(kept), lambdas, loop);
            double best = 0;
            for (std::size_t i = 0; i < fits.size(); ++i) {
                const double score = r_squared(std::span<const double>(values).subspan(kept),
                                               predict(fits[i], held_x, loop));
                if (i > 0 && score <= best) continue;
                best = score;
                out.lambda = lambdas[i];
            }
        }
        const double chosen[] = {out.lambda};
        const Ridge fit = fit_ridge(x, values, chosen, loop).front();
        const std::vector<float> other =
            arranged(test, rows.standard, loop, [](std::size_t i) { return i; });
        out.linear = r_squared(test_y, predict(fit, {other.data(), test.rows, test.columns}, loop));
    }
    const Neighbours near = nearest(train, test, settings.neighbours, loop);
    std::vector<double> means(test.rows, 0.0);
    for (std::size_t q = 0; q < test.rows; ++q) {
        for (std::size_t i = 0; i < near.count; ++i)
            means[q] += y[static_cast<std::size_t>(near.index[q * near.count + i])];
        means[q] /= static_cast<double>(near.count);
    }
    out.knn = r_squared(test_y, means);
    return out;
}

}  // namespace narrows::analysis
