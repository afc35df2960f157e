#include "pipeline/analysis/tsne.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/analysis/affinities.hpp"
#include "pipeline/analysis/pca.hpp"
#include "pipeline/analysis/quadtree.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::analysis {
namespace {

constexpr std::size_t block = 128;  // points of a task
constexpr double start_deviation = 1e-4;
constexpr double early_momentum = 0.5, late_momentum = 0.8;
constexpr double least_rate = 50, least_gain = 0.01;

double used_perplexity(std::size_t rows, double asked) {
    return std::max(1.0, std::min(asked, static_cast<double>(rows - 1) / 3));
}

std::size_t neighbours_of(std::size_t rows, const TsneSettings& s) {
    if (rows <= s.exact_rows) return rows - 1;
    const auto wanted = static_cast<std::size_t>(3 * used_perplexity(rows, s.perplexity)) + 1;
    return std::min(rows - 1, wanted);
}

// The descent: points, their velocities and gains, one step after another.
class Descent {
public:
    Descent(const Affinities& p, std::vector<Point> start, double theta, double rate,
            const Loop& loop)
        : p_(p),
          points_(std::move(start)),
          velocity_(points_.size()),
          gain_(points_.size(), {1, 1}),
          pull_(points_.size()),
          push_(points_.size()),
          theta_(theta),
          rate_(rate),
          loop_(loop) {}

    void step(double exaggeration, double momentum) {
        forces();
        const double total = total_weight();
        each_block([&](std::size_t i) {
            const double fx = 4 * (exaggeration * pull_[i].x - push_[i].force.x / total);
            const double fy = 4 * (exaggeration * pull_[i].y - push_[i].force.y / total);
            move(points_[i].x, velocity_[i].x, gain_[i].x, fx, momentum);
            move(points_[i].y, velocity_[i].y, gain_[i].y, fy, momentum);
        });
    }

    // sum of p log(p / q), with q normalised by the sum over the tree.
    double divergence() {
        forces();
        const double log_total = simd::logarithm(total_weight());
        std::vector<double> parts(points_.size(), 0.0);
        each_block([&](std::size_t i) {
            for (std::size_t at = p_.first[i]; at < p_.first[i + 1]; ++at) {
                const double p = p_.value[at];
                if (p <= 0) continue;
                const double log_q = -simd::logarithm(1 + squared(i, p_.other[at])) - log_total;
                parts[i] += p * (simd::logarithm(p) - log_q);
            }
        });
        double sum = 0;
        for (const double part : parts) sum += part;
        return sum;
    }

    std::vector<float> centred() const {
        Point mean;
        for (const Point& p : points_) {
            mean.x += p.x;
            mean.y += p.y;
        }
        const auto n = static_cast<double>(points_.size());
        std::vector<float> out;
        for (const Point& p : points_) {
            out.push_back(static_cast<float>(p.x - mean.x / n));
            out.push_back(static_cast<float>(p.y - mean.y / n));
        }
        return out;
    }

private:
    template <class Body>
    void each_block(Body body) const {
        loop_.each((points_.size() + block - 1) / block, [&](std::size_t task) {
            const std::size_t last = std::min((task + 1) * block, points_.size());
            for (std::size_t i = task * block; i < last; ++i) body(i);
        });
    }

    double squared(std::size_t i, std::size_t j) const {
        const double dx = points_[i].x - points_[j].x, dy = points_[i].y - points_[j].y;
        return dx * dx + dy * dy;
    }

    // A task takes neighbours in the tree: what it reads lies together.
    void forces() {
        tree_.build(points_);
        each_block([&](std::size_t place) {
            const std::size_t i = tree_.order()[place];
            push_[i] = tree_.repulsion(place, theta_);
            Point sum;
            for (std::size_t at = p_.first[i]; at < p_.first[i + 1]; ++at) {
                const std::size_t j = p_.other[at];
                const double dx = points_[i].x - points_[j].x, dy = points_[i].y - points_[j].y;
                const double weight = double{p_.value[at]} / (1 + (dx * dx + dy * dy));
                sum.x += weight * dx;
                sum.y += weight * dy;
            }
            pull_[i] = sum;
        });
    }

    double total_weight() const {
        double total = 0;
        for (const Repulsion& push : push_) total += push.weight;
        return total;
    }

    void move(double& at, double& velocity, double& gain, double gradient, double momentum) const {
        gain = velocity * gradient < 0 ? gain + 0.2 : std::max(gain * 0.8, least_gain);
        velocity = momentum * velocity - rate_ * gain * gradient;
        at += velocity;
    }

    const Affinities& p_;
    std::vector<Point> points_, velocity_, gain_, pull_;
    std::vector<Repulsion> push_;
    double theta_, rate_;
    const Loop& loop_;
    Quadtree tree_;
};

std::vector<Point> start_of(const Matrix& x, const Loop& loop) {
    const std::vector<float> map = pca_map(x, loop);
    double sum = 0;
    for (std::size_t i = 0; i < x.rows; ++i) sum += double{map[2 * i]} * double{map[2 * i]};
    const double deviation = std::sqrt(sum / static_cast<double>(x.rows));
    if (!(deviation > 0))
        throw Error(Fault::input, "all samples are equal: there is nothing to map");
    std::vector<Point> points(x.rows);
    for (std::size_t i = 0; i < x.rows; ++i)
        points[i] = {double{map[2 * i]} / deviation * start_deviation,
                     double{map[2 * i + 1]} / deviation * start_deviation};
    // Points on one line would stay there: bend it.
    const bool line =
        std::all_of(points.begin(), points.end(), [](const Point& p) { return p.y == 0; });
    if (line)
        for (Point& p : points) p.y = p.x * p.x / start_deviation;
    return points;
}

}  // namespace

std::vector<float> pca_map(const Matrix& x, const Loop& loop) {
    const Pca pca = fit_pca(x, 2, loop);
    if (pca.count() == 2) {
        std::vector<float> map(x.rows * 2);
        project(pca, x, map.data(), loop);
        return map;
    }
    std::vector<float> first(x.rows), map(x.rows * 2, 0.0f);
    if (pca.count() == 1) project(pca, x, first.data(), loop);
    for (std::size_t i = 0; i < x.rows; ++i) map[2 * i] = first[i];
    return map;
}

Embedding tsne(const Matrix& x, const TsneSettings& s, const Loop& loop) {
    if (x.rows < 5)
        throw Error(Fault::input, std::to_string(x.rows) + " samples are too few for a map",
                    "give five or more");
    Embedding out;
    out.perplexity = used_perplexity(x.rows, s.perplexity);
    out.exact = x.rows <= s.exact_rows;
    std::vector<Point> start = start_of(x, loop);
    const Affinities p =
        affinities(nearest(x, x, neighbours_of(x.rows, s), loop, true), out.perplexity, loop);
    const double rate = std::max(static_cast<double>(x.rows) / s.exaggeration / 4, least_rate);
    Descent descent(p, std::move(start), out.exact ? 0 : s.theta, rate, loop);
    for (std::size_t i = 0; i < s.iterations; ++i) {
        const bool early = i < s.exaggerated;
        descent.step(early ? s.exaggeration : 1, early ? early_momentum : late_momentum);
    }
    out.divergence = descent.divergence();
    out.map = descent.centred();
    return out;
}

std::uint64_t tsne_bytes(std::size_t rows, std::size_t columns, const TsneSettings& settings) {
    if (rows < 2) return 0;
    const std::uint64_t n = rows, k = neighbours_of(rows, settings);
    // Neighbours with candidates, affinities one way, both ways; points and tree; a search's block.
    return n * (k * (16 + 16 + 4 + 8 + 8 + 2 * 8) + 128 + 32 + 160) + 2048 * columns * 8 +
           64 * (2048 + columns) * 4 * 64;
}

}  // namespace narrows::analysis
