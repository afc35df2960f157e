// Maps of samples: sums over the tree against sums over all pairs, affinities and neighbourhoods
// against their definitions, and the same bits for any thread count and kernel.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <thread>

#include "pipeline/analysis/affinities.hpp"
#include "pipeline/analysis/neighbourhoods.hpp"
#include "pipeline/analysis/quadtree.hpp"
#include "pipeline/analysis/tsne.hpp"
#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/random.hpp"
#include "tests/catch.hpp"
#include "tests/support/loops.hpp"

namespace narrows::analysis {
namespace {

// `clusters` balls of deviation 0.2 about random corners, in turn.
std::vector<float> balls(std::size_t rows, std::size_t columns, std::size_t clusters) {
    std::vector<float> x(rows * columns), corner(columns);
    for (std::size_t i = 0; i < rows; ++i) {
        simd::table(simd::Level::portable)
            ->normal({3, 1, 0, i % clusters}, 0, corner.data(), columns);
        simd::table(simd::Level::portable)
            ->normal({3, 2, 0, i}, 0, x.data() + i * columns, columns);
        for (std::size_t j = 0; j < columns; ++j)
            x[i * columns + j] = 2 * corner[j] + 0.2f * x[i * columns + j];
    }
    return x;
}

std::vector<Point> scattered(std::size_t count) {
    std::vector<Point> points(count);
    for (std::size_t i = 0; i < count; ++i) {
        const auto words = simd::philox(5, 7, 0, i, 0);
        points[i] = {20 * double{simd::to_uniform(words[0])} - 3,
                     4 * double{simd::to_uniform(words[1])} + 100};
    }
    return points;
}

Repulsion over_all_pairs(const std::vector<Point>& points, std::size_t i) {
    Repulsion out;
    for (std::size_t j = 0; j < points.size(); ++j) {
        if (j == i) continue;
        const double dx = points[i].x - points[j].x, dy = points[i].y - points[j].y;
        const double q = 1 / (1 + dx * dx + dy * dy);
        out.weight += q;
        out.force.x += q * q * dx;
        out.force.y += q * q * dy;
    }
    return out;
}

double squared(const std::vector<float>& x, std::size_t columns, std::size_t a, std::size_t b) {
    double sum = 0;
    for (std::size_t j = 0; j < columns; ++j) {
        const double d = double{x[a * columns + j]} - double{x[b * columns + j]};
        sum += d * d;
    }
    return sum;
}

// Ranks of all rows by their distance to row i, from 1; 0 for itself.
std::vector<std::size_t> ranks(const std::vector<float>& x, std::size_t columns, std::size_t i) {
    const std::size_t n = x.size() / columns;
    std::vector<std::size_t> order(n), rank(n);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        if (a == i || b == i) return a == i && b != i;
        return squared(x, columns, i, a) < squared(x, columns, i, b);
    });
    for (std::size_t r = 0; r < n; ++r) rank[order[r]] = r;
    return rank;
}

// Venna and Kaski's sum, as it is written.
double preserved(const std::vector<float>& space, std::size_t columns,
                 const std::vector<float>& shown, std::size_t shown_columns, std::size_t k) {
    const std::size_t n = space.size() / columns;
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const auto in_space = ranks(space, columns, i), in_shown = ranks(shown, shown_columns, i);
        for (std::size_t j = 0; j < n; ++j)
            if (j != i && in_shown[j] <= k && in_space[j] > k)
                sum += static_cast<double>(in_space[j] - k);
    }
    const auto m = static_cast<double>(n), kk = static_cast<double>(k);
    return 1 - 2 / (m * kk * (2 * m - 3 * kk - 1)) * sum;
}

}  // namespace

TEST_CASE("sums over the tree are the sums over all pairs", "[analysis]") {
    std::vector<Point> points = scattered(700);
    points.resize(750, points[13]);  // more equal points than a leaf holds
    Quadtree tree;
    tree.build(points);
    double worst_exact = 0, worst = 0, mean_weight = 0, mean_force = 0;
    for (std::size_t place = 0; place < points.size(); ++place) {
        const Repulsion all = over_all_pairs(points, tree.order()[place]);
        mean_weight += all.weight / 750;
        mean_force += std::hypot(all.force.x, all.force.y) / 750;
    }
    for (std::size_t place = 0; place < points.size(); ++place) {
        const Repulsion all = over_all_pairs(points, tree.order()[place]);
        const Repulsion exact = tree.repulsion(place, 0), near = tree.repulsion(place, 0.5);
        worst_exact = std::max({worst_exact, std::abs(exact.weight - all.weight) / mean_weight,
                                std::abs(exact.force.x - all.force.x) / mean_force,
                                std::abs(exact.force.y - all.force.y) / mean_force});
        worst = std::max({worst, std::abs(near.weight - all.weight) / mean_weight,
                          std::abs(near.force.x - all.force.x) / mean_force,
                          std::abs(near.force.y - all.force.y) / mean_force});
    }
    CHECK(worst_exact < 1e-12);
    CHECK(worst < 0.03);
    CHECK(worst > 1e-6);  // something was taken together

    tree.build(std::vector<Point>(20, Point{1, 2}));
    CHECK(tree.repulsion(7, 0.5).weight == 19);
    CHECK(tree.repulsion(7, 0.5).force.x == 0);
}

TEST_CASE("affinities have the perplexity, are symmetric and sum to one", "[analysis]") {
    constexpr std::size_t rows = 300, columns = 6;
    const std::vector<float> x = balls(rows, columns, 3);
    const Matrix matrix{x.data(), rows, columns};
    const SerialLoop loop;
    const Neighbours near = nearest(matrix, matrix, rows - 1, loop, true);
    const Affinities p = affinities(near, 20, loop);

    double sum = 0;
    for (const float value : p.value) sum += double{value};
    CHECK(std::abs(sum - 1) < 1e-6);
    std::vector<double> dense(rows * rows, 0.0);
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t at = p.first[i]; at < p.first[i + 1]; ++at)
            dense[i * rows + p.other[at]] = double{p.value[at]};
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < i; ++j) REQUIRE(dense[i * rows + j] == dense[j * rows + i]);

    // By the definition: bisection of the bandwidth in plain doubles.
    std::vector<double> one_way(rows * rows, 0.0);
    for (std::size_t i = 0; i < rows; ++i) {
        double low = 0, high = 1e6;
        for (int step = 0; step < 200; ++step) {
            const double beta = (low + high) / 2;
            double total = 0, entropy = 0;
            for (std::size_t j = 0; j < rows; ++j)
                if (j != i) total += std::exp(-beta * squared(x, columns, i, j));
            for (std::size_t j = 0; j < rows; ++j) {
                if (j == i) continue;
                const double q = std::exp(-beta * squared(x, columns, i, j)) / total;
                one_way[i * rows + j] = q;
                if (q > 0) entropy -= q * std::log(q);
            }
            (entropy > std::log(20.0) ? low : high) = beta;
        }
    }
    double worst = 0;
    for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < rows; ++j) {
            const double wanted = (one_way[i * rows + j] + one_way[j * rows + i]) / (2 * rows);
            worst = std::max(worst, std::abs(dense[i * rows + j] - wanted));
        }
    CHECK(worst < 2e-5 / rows);
}

TEST_CASE("trustworthiness and continuity are what their definition says", "[analysis]") {
    for (const std::size_t columns : {3u, 20u}) {  // one by one, and by products
        constexpr std::size_t rows = 157, k = 12;
        const std::vector<float> x = balls(rows, columns, 4);
        std::vector<float> map(rows * 2);
        for (std::size_t i = 0; i < rows; ++i)  // a bad map: two columns
            std::copy_n(x.data() + i * columns, 2, map.data() + i * 2);
        const Preservation found =
            preservation({x.data(), rows, columns}, {map.data(), rows, 2}, k, test::ThreadLoop(3));
        CHECK(found.neighbours == k);
        CHECK(std::abs(found.trustworthiness - preserved(x, columns, map, 2, k)) < 1e-9);
        CHECK(std::abs(found.continuity - preserved(map, 2, x, columns, k)) < 1e-9);
        CHECK(found.trustworthiness < 0.99);
        CHECK(found.continuity > found.trustworthiness);  // a projection tears nothing apart
    }
    const std::vector<float> flat = balls(50, 2, 2);
    const Preservation same =
        preservation({flat.data(), 50, 2}, {flat.data(), 50, 2}, 100, SerialLoop{});
    CHECK(same.trustworthiness == 1);
    CHECK(same.continuity == 1);
    CHECK(same.neighbours == 24);
}

TEST_CASE("t-SNE keeps clusters together, exactly and by the tree", "[analysis]") {
    constexpr std::size_t rows = 600, columns = 10, clusters = 6;
    const std::vector<float> x = balls(rows, columns, clusters);
    const Matrix matrix{x.data(), rows, columns};
    TsneSettings settings;
    settings.iterations = 500;
    double divergence[2] = {};
    for (const bool exact : {true, false}) {
        settings.exact_rows = exact ? rows : 0;
        const Embedding found = tsne(matrix, settings, test::ThreadLoop(2));
        CHECK(found.exact == exact);
        CHECK(found.perplexity == 30);
        divergence[exact ? 0 : 1] = found.divergence;
        const Matrix map{found.map.data(), rows, 2};
        CHECK(preservation(matrix, map, 12, test::ThreadLoop(2)).trustworthiness > 0.95);
        const Neighbours near = nearest(map, map, 20, SerialLoop{}, true);
        std::size_t strangers = 0;
        for (std::size_t i = 0; i < near.index.size(); ++i)
            if (static_cast<std::size_t>(near.index[i]) % clusters != i / 20 % clusters)
                ++strangers;
        CHECK(strangers == 0);
        double mean = 0;
        for (const float value : found.map) mean += double{value};
        CHECK(std::abs(mean) < 1e-2);
    }
    CHECK(std::abs(divergence[0] - divergence[1]) < 0.05 * divergence[0]);
}

TEST_CASE("a map has the same bits for any thread count and kernel level", "[analysis]") {
    constexpr std::size_t rows = 1203, columns = 33;
    const std::vector<float> x = balls(rows, columns, 5);
    const Matrix matrix{x.data(), rows, columns};
    TsneSettings settings;
    settings.iterations = 60;
    settings.exaggerated = 20;
    const simd::Level before = simd::kernels().level;
    std::vector<float> expected;
    double quality = 0;
    for (const simd::Level level : simd::available())
        for (const std::size_t threads : {1u, 3u}) {
            REQUIRE(simd::select(level));
            const Embedding found = tsne(matrix, settings, test::ThreadLoop(threads));
            const Preservation kept =
                preservation(matrix, {found.map.data(), rows, 2}, 12, test::ThreadLoop(threads));
            if (expected.empty()) {
                expected = found.map;
                quality = kept.trustworthiness;
            }
            CHECK(found.map == expected);
            CHECK(kept.trustworthiness == quality);
        }
    simd::select(before);
}

TEST_CASE("maps of few, equal and one-dimensional samples", "[analysis]") {
    const SerialLoop loop;
    const std::vector<float> equal(40, 3.0f);
    CHECK_THROWS_AS(tsne({equal.data(), 10, 4}, {}, loop), Error);
    CHECK_THROWS_AS(tsne({equal.data(), 4, 10}, {}, loop), Error);
    std::vector<float> line(90);
    std::iota(line.begin(), line.end(), 0.0f);
    const Embedding found = tsne({line.data(), 90, 1}, {}, loop);
    CHECK(std::abs(found.perplexity - 89.0 / 3) < 1e-12);
    for (const float value : found.map) REQUIRE(std::isfinite(value));
    CHECK(preservation({line.data(), 90, 1}, {found.map.data(), 90, 2}, 5, loop).trustworthiness >
          0.95);
    const std::vector<float> flat = pca_map({line.data(), 90, 1}, loop);
    CHECK(flat[1] == 0);
    CHECK(std::abs(flat[178] - flat[0]) == 89);
    std::vector<float> doubled = balls(60, 5, 2);  // every sample twice
    doubled.insert(doubled.end(), doubled.begin(), doubled.end());
    for (const float value : tsne({doubled.data(), 120, 5}, {}, loop).map)
        REQUIRE(std::isfinite(value));
}

}  // namespace narrows::analysis
