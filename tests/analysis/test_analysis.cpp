// Closed forms, small cases worked out by hand, and the same bits for any thread count and kernel.
#include <algorithm>
#include <cmath>
#include <thread>

#include "pipeline/analysis/neighbours.hpp"
#include "pipeline/analysis/pca.hpp"
#include "pipeline/analysis/probe.hpp"
#include "pipeline/analysis/rank.hpp"
#include "pipeline/analysis/ridge.hpp"
#include "pipeline/analysis/softmax_regression.hpp"
#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/random.hpp"
#include "tests/catch.hpp"
#include "tests/support/loops.hpp"

namespace narrows::analysis {
namespace {

// Reproducible values in [-1, 1), no two columns alike.
std::vector<float> values(std::size_t rows, std::size_t columns, std::uint64_t seed) {
    std::vector<float> out(rows * columns);
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = 2 * simd::to_uniform(simd::philox(seed, 0, 0, i, 0)[0]) - 1;
    return out;
}

}  // namespace

TEST_CASE("AUC and average precision count equal scores as one threshold", "[analysis]") {
    // Pairs (positive, negative): 0.8 beats 0.1 and 0.4, 0.4 beats 0.1 and ties with 0.4:
    // 3.5 of 4. Thresholds 0.8 (recall 1/2, precision 1), 0.4 (recall 1, precision 2/3):
    // 1/2 + 1/2 * 2/3 = 5/6.
    const std::vector<float> scores{0.1f, 0.4f, 0.4f, 0.8f};
    const std::vector<std::int64_t> labels{0, 0, 1, 1};

    CHECK(roc_auc(scores, labels) == Approx(3.5 / 4));
    CHECK(average_precision(scores, labels) == Approx(5.0 / 6));
    CHECK(roc_auc(std::vector<float>{1, 1, 1}, std::vector<std::int64_t>{1, 0, 1}) == 0.5);
    CHECK(std::isnan(roc_auc(scores, std::vector<std::int64_t>{1, 1, 1, 1})));
    CHECK(std::isnan(average_precision(scores, std::vector<std::int64_t>{0, 0, 0, 0})));
}

TEST_CASE("a quantile lies between neighbours linearly", "[analysis]") {
    const std::vector<float> scores{4, 1, 3, 2};

    CHECK(quantile(scores, 0) == 1);
    CHECK(quantile(scores, 1) == 4);
    CHECK(quantile(scores, 0.5) == 2.5);
    CHECK(quantile(scores, 0.9) == Approx(3.7));
}

TEST_CASE("PCA finds the axes of points on a line and an orthogonal spread", "[analysis]") {
    // Points t (3, 4) / 5 for t = -2, -1, 0, 1, 2 and +-1 along (-4, 3) / 5, all moved by (10, 20):
    // sums of squares 10 and 2, divided by 6.
    std::vector<float> x;
    for (const float t : {-2.0f, -1.0f, 0.0f, 1.0f, 2.0f}) {
        x.push_back(10 + t * 0.6f);
        x.push_back(20 + t * 0.8f);
    }
    for (const float s : {-1.0f, 1.0f}) {
        x.push_back(10 - s * 0.8f);
        x.push_back(20 + s * 0.6f);
    }
    const Matrix m{x.data(), 7, 2};

    const Pca pca = fit_pca(m, 2, SerialLoop{});

    CHECK(pca.variance[0] == Approx(10.0 / 6).epsilon(1e-5));
    CHECK(pca.variance[1] == Approx(2.0 / 6).epsilon(1e-5));
    CHECK(pca.total_variance == Approx(2.0).epsilon(1e-5));
    CHECK(pca.components[0] == Approx(0.6).epsilon(1e-5));
    CHECK(pca.components[1] == Approx(0.8).epsilon(1e-5));
    const Pca one = fit_pca(m, 1, SerialLoop{});
    std::vector<float> codes(7);
    project(one, m, codes.data(), SerialLoop{});
    const auto residual = [&](std::size_t row) {
        const float dx = x[2 * row] - one.mean[0] - codes[row] * one.components[0];
        const float dy = x[2 * row + 1] - one.mean[1] - codes[row] * one.components[1];
        return dx * dx + dy * dy;
    };
    CHECK(residual(0) == Approx(0).margin(1e-6));
    CHECK(residual(6) == Approx(1).epsilon(1e-5));
    CHECK_THROWS_AS(fit_pca({x.data(), 1, 2}, 1, SerialLoop{}), Error);
}

TEST_CASE("nearest neighbours equal a plain search, ties to the lower row", "[analysis]") {
    const std::size_t d = 37, n = 2500, queries = 70, k = 7;
    std::vector<float> x = values(n, d, 1);
    // Rows 2000 ... 2499 repeat rows 0 ... 499 and all small integers tie.
    std::copy_n(x.begin(), 500 * d, x.begin() + 2000 * d);
    const std::vector<float> q(x.begin(), x.begin() + queries * d);
    std::vector<float> coarse = x;
    for (float& value : coarse) value = std::floor(value);

    for (const std::vector<float>& reference : {x, coarse}) {
        const std::vector<float> own(reference.begin(), reference.begin() + queries * d);
        const Matrix a{reference.data(), n, d}, b{own.data(), queries, d};
        const Neighbours near = nearest(a, b, k, test::ThreadLoop(3));
        bool same = true;
        for (std::size_t i = 0; i < queries; ++i) {
            std::vector<std::pair<double, std::int64_t>> all;
            for (std::size_t r = 0; r < n; ++r)
                all.emplace_back(simd::kernels().squared_distance(b.row(i), a.row(r), d),
                                 static_cast<std::int64_t>(r));
            std::sort(all.begin(), all.end());
            for (std::size_t j = 0; j < k; ++j)
                same = same && near.index[i * k + j] == all[j].second &&
                       near.squared[i * k + j] == all[j].first;
        }
        CHECK(same);
    }
    const Matrix a{x.data(), n, d};
    const Neighbours others = nearest(a, a, 1, SerialLoop{}, true);
    CHECK(others.index[0] == 2000);
    CHECK(others.index[2000] == 0);
}

TEST_CASE("logistic regression ends where the gradient is zero", "[analysis]") {
    // Balanced points at -1 and 1, a quarter of each on the wrong side: by symmetry the weights
    // are (-w/2, w/2), with logit w of the right class at 1, and the loss in w is
    // -3/4 log s(w) - 1/4 log s(-w) + lambda w^2 / 4. Without a penalty s(w) = 3/4, w = log 3.
    std::vector<float> x;
    std::vector<std::int32_t> y;
    for (int i = 0; i < 400; ++i) {
        const int label = i % 2;
        const bool wrong = i % 8 < 2;
        x.push_back((label == 1) != wrong ? 1.0f : -1.0f);
        y.push_back(label);
    }
    const Matrix m{x.data(), x.size(), 1};

    const SoftmaxRegression fit = fit_softmax(m, y, 2, 1e-9, SerialLoop{});

    CHECK(fit.weights[1] - fit.weights[0] == Approx(std::log(3.0)).epsilon(2e-3));
    CHECK(fit.loss == Approx(-0.75 * std::log(0.75) - 0.25 * std::log(0.25)).epsilon(1e-5));
    CHECK(score_softmax(fit, m, y, SerialLoop{}).accuracy == 0.75);
}

TEST_CASE("ridge regression recovers a plane and shrinks as its formula says", "[analysis]") {
    // x = -1, 1 and y = 2 x + 5: w = 2 * sum x^2 / (sum x^2 + lambda n) = 2 / (1 + lambda).
    const std::vector<float> x{-1, 1};
    const std::vector<double> y{3, 7};
    const double lambdas[] = {1e-12, 1};

    const std::vector<Ridge> fits = fit_ridge({x.data(), 2, 1}, y, lambdas, SerialLoop{});

    CHECK(fits[0].weights[0] == Approx(2));
    CHECK(fits[1].weights[0] == Approx(1));
    CHECK(fits[0].offset == 5);
    CHECK(r_squared(y, predict(fits[0], {x.data(), 2, 1}, SerialLoop{})) == Approx(1));
    CHECK(r_squared(y, std::vector<double>{5, 5}) == 0);
}

TEST_CASE("a probe gives the same bits for any thread count and kernel", "[analysis]") {
    const std::size_t n = 3000, d = 50, classes = 4;
    const std::vector<float> x = values(n, d, 2), other = values(200, d, 3);
    const auto label = [&](const float* row) {
        return static_cast<std::int32_t>((row[0] > 0) + 2 * (row[1] + 0.3f * row[2] > 0));
    };
    std::vector<std::int32_t> y, other_y;
    for (std::size_t r = 0; r < n; ++r) y.push_back(label(x.data() + r * d));
    for (std::size_t r = 0; r < 200; ++r) other_y.push_back(label(other.data() + r * d));
    const simd::Level before = simd::kernels().level;

    std::vector<std::vector<double>> weights;
    std::vector<std::vector<float>> components;
    std::vector<double> accuracies;
    for (const simd::Level level : simd::available())
        for (const std::size_t threads : {1u, 3u}) {
            REQUIRE(simd::select(level));
            const test::ThreadLoop loop(threads);
            const Matrix m{x.data(), n, d};
            weights.push_back(fit_softmax(m, y, classes, 1e-4, loop).weights);
            components.push_back(fit_pca(m, 5, loop).components);
            const ProbeScores scores =
                probe_classes(m, y, {other.data(), 200, d}, other_y, classes, {}, loop);
            accuracies.push_back(scores.linear + 10 * scores.knn + 100 * scores.lambda);
            CHECK(scores.linear > 0.9);
        }
    simd::select(before);

    for (std::size_t i = 1; i < weights.size(); ++i) {
        CHECK(weights[i] == weights[0]);
        CHECK(components[i] == components[0]);
        CHECK(accuracies[i] == accuracies[0]);
    }
}

}  // namespace narrows::analysis
