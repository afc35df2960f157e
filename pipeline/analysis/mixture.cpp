#include "pipeline/analysis/mixture.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/random.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::analysis {
namespace {

constexpr double half_log_two_pi = 0.91893853320467274178;
constexpr std::size_t most_blocks = 32;  // whose sums are kept apart, whatever the threads
constexpr int assignments = 10;          // of k-means, before the first step of EM
constexpr std::uint32_t centres_epoch = 0x6b6d, component_epoch = 0x636d;

double uniform(RandomKey key, std::uint32_t epoch, std::uint64_t sample) {
    const auto words = simd::philox(key.seed, key.node, epoch, sample, 0);
    return (static_cast<double>(words[0]) + static_cast<double>(words[1]) * 0x1p-32) * 0x1p-32;
}

// The first place whose running sum of weights exceeds u times the whole.
std::size_t pick(std::span<const double> weights, double u) {
    double whole = 0, sum = 0;
    for (const double weight : weights) whole += weight;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        sum += weights[i];
        if (sum > u * whole) return i;
    }
    return weights.size() - 1;
}

// Sums over rows: of shares, shares times rows, and shares times products (lower triangle).
struct Sums {
    std::vector<double> shares, rows, products;
    double log_likelihood = 0;
    Sums(std::size_t k, std::size_t d) : shares(k), rows(k * d), products(k * d * d) {}
    void add(const Sums& other) {
        for (std::size_t i = 0; i < shares.size(); ++i) shares[i] += other.shares[i];
        for (std::size_t i = 0; i < rows.size(); ++i) rows[i] += other.rows[i];
        for (std::size_t i = 0; i < products.size(); ++i) products[i] += other.products[i];
        log_likelihood += other.log_likelihood;
    }
};

class Fit {
public:
    Fit(const float* rows, std::size_t count, std::size_t d, const MixtureOptions& options,
        const Loop& loop)
        : rows_(rows),
          count_(count),
          d_(d),
          k_(static_cast<std::size_t>(options.components)),
          options_(options),
          loop_(loop),
          blocks_(std::min(count, most_blocks)) {
        mixture_.components = k_;
        mixture_.dimensions = d_;
    }

    Mixture run() {
        centre();
        first_centres();
        for (int i = 0; i < assignments; ++i) k_means_step();
        maximise(gather([&](std::size_t row, std::span<double> share) {
            std::fill(share.begin(), share.end(), 0.0);
            share[nearest(row)] = 1;
            return 0.0;
        }));
        double last = -std::numeric_limits<double>::infinity();
        for (mixture_.iterations = 0; mixture_.iterations < options_.iterations;) {
            ++mixture_.iterations;
            const Sums sums = gather(
                [&](std::size_t row, std::span<double> share) { return shares(row, share); });
            const double now = sums.log_likelihood / static_cast<double>(count_);
            mixture_.log_likelihood = now;
            if (now - last < options_.tolerance) break;  // the factors are those of this value
            last = now;
            maximise(sums);
        }
        for (std::size_t c = 0; c < k_; ++c)
            for (std::size_t i = 0; i < d_; ++i) mixture_.means[c * d_ + i] += origin_[i];
        return std::move(mixture_);
    }

private:
    double value(std::size_t row, std::size_t i) const { return rows_[row * d_ + i] - origin_[i]; }

    // All sums are about the mean of the data, so that codes far from zero lose no digits.
    void centre() {
        origin_.assign(d_, 0);
        std::vector<double> square(d_);
        for (std::size_t row = 0; row < count_; ++row)
            for (std::size_t i = 0; i < d_; ++i) origin_[i] += rows_[row * d_ + i];
        for (double& o : origin_) o /= static_cast<double>(count_);
        double variance = 0;
        for (std::size_t row = 0; row < count_; ++row)
            for (std::size_t i = 0; i < d_; ++i) square[i] += value(row, i) * value(row, i);
        for (const double s : square) variance += s / static_cast<double>(count_ * d_);
        floor_ = std::max(options_.floor * variance, 1e-12);
    }

    double distance(std::size_t row, std::size_t c) const {
        double sum = 0;
        for (std::size_t i = 0; i < d_; ++i) {
            const double gap = value(row, i) - mixture_.means[c * d_ + i];
            sum += gap * gap;
        }
        return sum;
    }
    std::size_t nearest(std::size_t row) const {
        std::size_t best = 0;
        double least = distance(row, 0);
        for (std::size_t c = 1; c < k_; ++c)
            if (const double d = distance(row, c); d < least) {
                least = d;
                best = c;
            }
        return best;
    }

    // Each further centre is a row, drawn by its squared distance to those there are.
    void first_centres() {
        mixture_.means.assign(k_ * d_, 0);
        std::vector<double> least(count_, 1);
        for (std::size_t c = 0; c < k_; ++c) {
            const std::size_t row = pick(least, uniform(options_.key, centres_epoch, c));
            for (std::size_t i = 0; i < d_; ++i) mixture_.means[c * d_ + i] = value(row, i);
            each_row([&](std::size_t r) {
                const double now = distance(r, c);
                least[r] = c == 0 ? now : std::min(least[r], now);
            });
            if (std::all_of(least.begin(), least.end(), [](double d) { return d == 0; }))
                std::fill(least.begin(), least.end(), 1.0);  // fewer different rows than centres
        }
    }

    void k_means_step() {
        const Sums sums = gather(
            [&](std::size_t row, std::span<double> share) {
                std::fill(share.begin(), share.end(), 0.0);
                share[nearest(row)] = 1;
                return 0.0;
            },
            false);
        for (std::size_t c = 0; c < k_; ++c)
            for (std::size_t i = 0; i < d_ && sums.shares[c] > 0; ++i)
                mixture_.means[c * d_ + i] = sums.rows[c * d_ + i] / sums.shares[c];
    }

    // Responsibilities of a row; gives its log density.
    double shares(std::size_t row, std::span<double> share) const {
        simd::LogSumExp all;
        std::vector<double> gap(d_);
        for (std::size_t c = 0; c < k_; ++c) {
            for (std::size_t i = 0; i < d_; ++i)
                gap[i] = value(row, i) - mixture_.means[c * d_ + i];
            share[c] = log_of_component(c, gap);
            all.add(share[c]);
        }
        const double log_sum = all.log_sum();
        for (double& s : share) s = simd::exponential(s - log_sum);
        return log_sum;
    }
    double log_of_component(std::size_t c, std::span<double> gap) const {
        const double* l = mixture_.factors.data() + c * d_ * d_;
        double square = 0;
        for (std::size_t i = 0; i < d_; ++i) {
            for (std::size_t j = 0; j < i; ++j) gap[i] -= l[i * d_ + j] * gap[j];
            gap[i] /= l[i * d_ + i];
            square += gap[i] * gap[i];
        }
        return constants_[c] - 0.5 * square;
    }

    template <class Body>
    void each_row(Body body) const {
        loop_.each(blocks_, [&](std::size_t b) {
            for (std::size_t r = count_ * b / blocks_; r < count_ * (b + 1) / blocks_; ++r) body(r);
        });
    }

    // body(row, shares of its components) gives the row's log density.
    template <class Body>
    Sums gather(Body body, bool with_products = true) const {
        std::vector<Sums> parts(blocks_, Sums(k_, d_));
        loop_.each(blocks_, [&](std::size_t b) {
            Sums& part = parts[b];
            std::vector<double> share(k_), x(d_);
            for (std::size_t r = count_ * b / blocks_; r < count_ * (b + 1) / blocks_; ++r) {
                part.log_likelihood += body(r, std::span<double>(share));
                for (std::size_t i = 0; i < d_; ++i) x[i] = value(r, i);
                for (std::size_t c = 0; c < k_; ++c) {
                    if (share[c] < 1e-12) continue;
                    part.shares[c] += share[c];
                    double* product = part.products.data() + c * d_ * d_;
                    for (std::size_t i = 0; i < d_; ++i) {
                        const double weighed = share[c] * x[i];
                        part.rows[c * d_ + i] += weighed;
                        for (std::size_t j = 0; with_products && j <= i; ++j)
                            product[i * d_ + j] += weighed * x[j];
                    }
                }
            }
        });
        for (std::size_t b = 1; b < blocks_; ++b) parts[0].add(parts[b]);
        return std::move(parts[0]);
    }

    // A component that no row belongs to stays where it is, with weight 0.
    void maximise(const Sums& sums) {
        mixture_.weights.assign(k_, 0);
        mixture_.covariances.resize(k_ * d_ * d_);
        constants_.assign(k_, -std::numeric_limits<double>::infinity());
        double whole = 0;
        for (const double share : sums.shares) whole += share;
        for (std::size_t c = 0; c < k_; ++c) {
            const double share = sums.shares[c];
            double *covariance = mixture_.covariances.data() + c * d_ * d_,
                   *mean = mixture_.means.data() + c * d_;
            mixture_.weights[c] = share / whole;
            for (std::size_t i = 0; i < d_ && share > 0; ++i)
                mean[i] = sums.rows[c * d_ + i] / share;
            for (std::size_t i = 0; i < d_; ++i)
                for (std::size_t j = 0; j <= i; ++j) {
                    const double product = sums.products[c * d_ * d_ + i * d_ + j];
                    const double v = share > 0 ? product / share - mean[i] * mean[j] : 0.0;
                    covariance[i * d_ + j] = covariance[j * d_ + i] = v + (i == j ? floor_ : 0.0);
                }
        }
        factorise();
    }

    void factorise() {
        mixture_.factors.assign(k_ * d_ * d_, 0);
        for (std::size_t c = 0; c < k_; ++c) {
            const double* a = mixture_.covariances.data() + c * d_ * d_;
            double* l = mixture_.factors.data() + c * d_ * d_;
            double log_determinant = 0;
            for (std::size_t i = 0; i < d_; ++i)
                for (std::size_t j = 0; j <= i; ++j) {
                    double sum = a[i * d_ + j];
                    for (std::size_t m = 0; m < j; ++m) sum -= l[i * d_ + m] * l[j * d_ + m];
                    l[i * d_ + j] =
                        i == j ? std::sqrt(std::max(sum, 0.5 * floor_)) : sum / l[j * d_ + j];
                    if (i == j) log_determinant += simd::logarithm(l[i * d_ + i]);
                }
            constants_[c] = simd::logarithm(mixture_.weights[c]) - log_determinant -
                            static_cast<double>(d_) * half_log_two_pi;
        }
    }

    const float* rows_;
    std::size_t count_, d_, k_;
    const MixtureOptions& options_;
    const Loop& loop_;
    std::size_t blocks_;
    double floor_ = 0;
    std::vector<double> origin_, constants_;
    Mixture mixture_;
};

}  // namespace

std::size_t Mixture::draw(RandomKey key, std::uint64_t sample, float* row) const {
    const std::size_t c = pick(weights, uniform(key, component_epoch, sample));
    simd::kernels().normal({key.seed, key.node, 0, sample}, 0, row, dimensions);
    const double* l = factors.data() + c * dimensions * dimensions;
    for (std::size_t i = dimensions; i-- > 0;) {  // from below: each needs those before it
        double sum = means[c * dimensions + i];
        for (std::size_t j = 0; j <= i; ++j) sum += l[i * dimensions + j] * row[j];
        row[i] = static_cast<float>(sum);
    }
    return c;
}

Mixture fit_mixture(const float* rows, std::size_t count, std::size_t dimensions,
                    const MixtureOptions& options, const Loop& loop) {
    if (options.components < 1 || count < static_cast<std::size_t>(options.components))
        throw Error(Fault::input,
                    std::to_string(count) + " rows cannot be fitted by a mixture of " +
                        std::to_string(options.components),
                    "give more rows, or fewer components");
    return Fit(rows, count, dimensions, options, loop).run();
}

}  // namespace narrows::analysis
