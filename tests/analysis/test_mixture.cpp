#include "pipeline/analysis/mixture.hpp"

#include <algorithm>
#include <cmath>
#include <thread>

#include "pipeline/simd/kernels.hpp"
#include "tests/catch.hpp"
#include "tests/support/loops.hpp"

using namespace narrows;

namespace {

// Three clouds in the plane: weights 1/2, 1/4, 1/4; the second is long and slanted.
constexpr double centres[3][2] = {{0, 0}, {8, 0}, {0, 9}};
constexpr double factors[3][3] = {{1, 0, 1}, {1.5, 1.2, 0.5}, {0.5, 0, 0.7}};  // l00, l10, l11
std::vector<float> clouds(std::size_t count) {
    std::vector<float> out(count * 2);
    for (std::size_t r = 0; r < count; ++r) {
        float e[2];
        simd::kernels().normal({5, 1, 0, r}, 0, e, 2);
        const std::size_t c = r % 4 < 2 ? 0 : r % 4 - 1;
        const double a = e[0], b = e[1];
        out[2 * r] = static_cast<float>(centres[c][0] + factors[c][0] * a + 100);
        out[2 * r + 1] = static_cast<float>(centres[c][1] + factors[c][1] * a + factors[c][2] * b);
    }
    return out;
}

analysis::Mixture fitted(const std::vector<float>& rows, std::int64_t components,
                         std::uint64_t seed = 1) {
    analysis::MixtureOptions options;
    options.components = components;
    options.key = {seed, 7};
    return analysis::fit_mixture(rows.data(), rows.size() / 2, 2, options, SerialLoop{});
}

// log p(row) of a mixture in the plane, by the inverses of its covariances.
double log_density(const analysis::Mixture& mixture, const float* row) {
    double density = 0;
    for (std::size_t k = 0; k < mixture.components; ++k) {
        const double* s = mixture.covariances.data() + 4 * k;
        const double determinant = s[0] * s[3] - s[1] * s[2];
        const double x = row[0] - mixture.means[2 * k], y = row[1] - mixture.means[2 * k + 1];
        const double square = (s[3] * x * x - (s[1] + s[2]) * x * y + s[0] * y * y) / determinant;
        density +=
            mixture.weights[k] * std::exp(-0.5 * square) / (2 * M_PI * std::sqrt(determinant));
    }
    return std::log(density);
}

}  // namespace

TEST_CASE("a mixture finds the weights, means and covariances that made its rows", "[mixture]") {
    const std::vector<float> rows = clouds(8000);
    const analysis::Mixture mixture = fitted(rows, 3, GENERATE(1u, 2u, 3u));
    for (std::size_t c = 0; c < 3; ++c) {
        std::size_t found = 0;
        const auto gap = [&](std::size_t k) {
            return std::hypot(mixture.means[2 * k] - 100 - centres[c][0],
                              mixture.means[2 * k + 1] - centres[c][1]);
        };
        for (std::size_t k = 1; k < 3; ++k)
            if (gap(k) < gap(found)) found = k;
        CHECK(gap(found) < 0.12);
        CHECK(mixture.weights[found] == Approx(c == 0 ? 0.5 : 0.25).margin(0.01));
        const double* covariance = mixture.covariances.data() + found * 4;
        const auto& l = factors[c];
        CHECK(covariance[0] == Approx(l[0] * l[0]).epsilon(0.1));
        CHECK(covariance[1] == Approx(l[0] * l[1]).margin(0.1));
        CHECK(covariance[3] == Approx(l[1] * l[1] + l[2] * l[2]).epsilon(0.1));
    }
    double mean = 0;
    for (std::size_t r = 0; r < 8000; ++r) mean += log_density(mixture, rows.data() + 2 * r) / 8000;
    CHECK(mixture.log_likelihood == Approx(mean).epsilon(1e-9));
}

TEST_CASE("one component is the mean and the covariance of the rows", "[mixture]") {
    const std::vector<float> rows = clouds(1001);
    const analysis::Mixture one = fitted(rows, 1);
    double mean[2] = {0, 0}, product = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) mean[i % 2] += rows[i] / 1001.0;
    for (std::size_t r = 0; r < 1001; ++r)
        product += (rows[2 * r] - mean[0]) * (rows[2 * r + 1] - mean[1]) / 1001;
    CHECK(one.means[0] == Approx(mean[0]).epsilon(1e-9));
    CHECK(one.means[1] == Approx(mean[1]).epsilon(1e-9));
    CHECK(one.covariances[1] == Approx(product).epsilon(1e-6));
    CHECK(one.weights[0] == 1);
}

TEST_CASE("threads change no bit of a mixture", "[mixture]") {
    const std::vector<float> rows = clouds(777);
    analysis::MixtureOptions options;
    options.components = 5;
    const analysis::Mixture a = analysis::fit_mixture(rows.data(), 777, 2, options, SerialLoop{});
    const analysis::Mixture b =
        analysis::fit_mixture(rows.data(), 777, 2, options, test::ThreadLoop(4));
    CHECK(a.weights == b.weights);
    CHECK(a.means == b.means);
    CHECK(a.factors == b.factors);
}

TEST_CASE("draws of a mixture have its moments, and repeat themselves", "[mixture]") {
    const analysis::Mixture mixture = fitted(clouds(4000), 3);
    double sum[2] = {0, 0}, square = 0;
    std::vector<double> counts(3);
    constexpr std::size_t draws = 20000;
    for (std::size_t i = 0; i < draws; ++i) {
        float row[2], again[2];
        const std::size_t c = mixture.draw({9, 9}, i, row);
        REQUIRE(mixture.draw({9, 9}, i, again) == c);
        REQUIRE(std::equal(row, row + 2, again));
        counts[c] += 1.0 / draws;
        const double* mean = mixture.means.data() + 2 * c;
        sum[0] += (row[0] - mean[0]) / draws;
        sum[1] += (row[1] - mean[1]) / draws;
        square += (row[0] - mean[0]) * (row[0] - mean[0]) / mixture.covariances[4 * c] / draws;
    }
    for (std::size_t c = 0; c < 3; ++c)
        CHECK(counts[c] == Approx(mixture.weights[c]).margin(0.015));
    CHECK(sum[0] == Approx(0).margin(0.04));
    CHECK(sum[1] == Approx(0).margin(0.04));
    CHECK(square == Approx(1).margin(0.04));
}

TEST_CASE("rows that are all the same, or too few, are no trouble or refused", "[mixture]") {
    const std::vector<float> same(40, 3.0f);
    const analysis::Mixture mixture = fitted(same, 4);
    CHECK(std::isfinite(mixture.log_likelihood));
    float row[2];
    mixture.draw({1, 1}, 0, row);
    CHECK(row[0] == Approx(3).margin(1e-4));
    CHECK_THROWS_AS(fitted(same, 21), Error);
}
