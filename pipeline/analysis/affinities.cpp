#include "pipeline/analysis/affinities.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pipeline/simd/scalar.hpp"

namespace narrows::analysis {
namespace {

constexpr std::size_t row_block = 128;
constexpr double entropy_tolerance = 1e-5;
constexpr int most_steps = 100;

// p [count] from squared distances in increasing order. The least distance is taken off first: it
// cancels, and the exponentials stay in range.
void calibrate(const double* squared, std::size_t count, double perplexity, float* p) {
    const double target = simd::logarithm(perplexity);
    const double nearest = squared[0], widest = squared[count - 1] - nearest;
    std::vector<double> weight(count, 1.0);
    double sum = static_cast<double>(count);
    if (widest > 0) {
        double mean = 0;
        for (std::size_t j = 0; j < count; ++j) mean += squared[j] - nearest;
        double beta = static_cast<double>(count) / mean;
        double low = 0, high = std::numeric_limits<double>::infinity();
        for (int step = 0; step < most_steps; ++step) {
            double weighted = 0;
            sum = 0;
            for (std::size_t j = 0; j < count; ++j) {
                weight[j] = simd::exponential(-beta * (squared[j] - nearest));
                sum += weight[j];
                weighted += weight[j] * (squared[j] - nearest);
            }
            const double entropy = simd::logarithm(sum) + beta * weighted / sum;
            if (std::abs(entropy - target) <= entropy_tolerance) break;
            if (entropy > target) {
                low = beta;
                beta =
                    high < std::numeric_limits<double>::infinity() ? (beta + high) / 2 : beta * 2;
            } else {
                high = beta;
                beta = (beta + low) / 2;
            }
        }
    }
    for (std::size_t j = 0; j < count; ++j) p[j] = static_cast<float>(weight[j] / sum);
}

struct Entry {
    std::uint32_t other;
    float value;
};

// Entries by row: those that a row gave (`forward`), or those that it got from others.
struct Lists {
    std::vector<std::size_t> first;
    std::vector<Entry> entries;
};

// Rows are passed in increasing order, so that each list comes out in increasing order.
Lists received(const Neighbours& neighbours, const std::vector<float>& p, std::size_t rows) {
    Lists out;
    out.first.assign(rows + 1, 0);
    for (const std::int64_t j : neighbours.index) ++out.first[static_cast<std::size_t>(j) + 1];
    for (std::size_t i = 0; i < rows; ++i) out.first[i + 1] += out.first[i];
    out.entries.resize(neighbours.index.size());
    std::vector<std::size_t> next(out.first.begin(), out.first.end() - 1);
    for (std::size_t at = 0; at < neighbours.index.size(); ++at) {
        const auto i = static_cast<std::uint32_t>(at / neighbours.count);
        out.entries[next[static_cast<std::size_t>(neighbours.index[at])]++] = {i, p[at]};
    }
    return out;
}

// The union of a row's own and received entries; what is in both is added.
template <class Take>
void merge(std::span<const Entry> own, std::span<const Entry> got, Take take) {
    std::size_t a = 0, b = 0;
    while (a < own.size() || b < got.size()) {
        const bool from_own = b == got.size() || (a < own.size() && own[a].other <= got[b].other);
        const bool from_got = a == own.size() || (b < got.size() && got[b].other <= own[a].other);
        const std::uint32_t other = from_own ? own[a].other : got[b].other;
        const double sum =
            (from_own ? double{own[a].value} : 0.0) + (from_got ? double{got[b].value} : 0.0);
        take(other, sum);
        a += from_own ? 1 : 0;
        b += from_got ? 1 : 0;
    }
}

}  // namespace

Affinities affinities(const Neighbours& neighbours, double perplexity, const Loop& loop) {
    const std::size_t k = neighbours.count, rows = neighbours.index.size() / k;
    std::vector<float> p(rows * k);
    std::vector<Entry> forward(rows * k);
    const auto each_row = [&](auto&& body) {
        loop.each((rows + row_block - 1) / row_block, [&](std::size_t task) {
            const std::size_t last = std::min((task + 1) * row_block, rows);
            for (std::size_t i = task * row_block; i < last; ++i) body(i);
        });
    };
    each_row([&](std::size_t i) {
        calibrate(neighbours.squared.data() + i * k, k, perplexity, p.data() + i * k);
        Entry* own = forward.data() + i * k;
        for (std::size_t j = 0; j < k; ++j)
            own[j] = {static_cast<std::uint32_t>(neighbours.index[i * k + j]), p[i * k + j]};
        std::sort(own, own + k, [](const Entry& a, const Entry& b) { return a.other < b.other; });
    });
    const Lists backward = received(neighbours, p, rows);
    const auto own = [&](std::size_t i) {
        return std::span<const Entry>(forward).subspan(i * k, k);
    };
    const auto got = [&](std::size_t i) {
        return std::span<const Entry>(backward.entries)
            .subspan(backward.first[i], backward.first[i + 1] - backward.first[i]);
    };
    Affinities out;
    out.first.assign(rows + 1, 0);
    each_row([&](std::size_t i) {
        merge(own(i), got(i), [&](std::uint32_t, double) { ++out.first[i + 1]; });
    });
    for (std::size_t i = 0; i < rows; ++i) out.first[i + 1] += out.first[i];
    out.other.resize(out.first[rows]);
    out.value.resize(out.first[rows]);
    each_row([&](std::size_t i) {
        std::size_t at = out.first[i];
        merge(own(i), got(i), [&](std::uint32_t other, double sum) {
            out.other[at] = other;
            out.value[at++] = static_cast<float>(sum / (2 * static_cast<double>(rows)));
        });
    });
    return out;
}

}  // namespace narrows::analysis
