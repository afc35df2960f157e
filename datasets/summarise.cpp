#include <algorithm>
#include <cmath>
#include <limits>

#include "datasets/dataset.hpp"
#include "pipeline/simd/kernels.hpp"

namespace narrows::datasets {
namespace {

constexpr std::size_t chunk = 64;   // features that a task adds up

struct Sums {
    std::vector<double> first, sum, squares;   // of value - first, so that nothing cancels
    std::vector<float> low, high;
};

}  // namespace

// Rows in order, each feature one chain: the same numbers for every thread count.
Summary summarise(const Dataset& data, const Loop& loop, std::int64_t first, std::int64_t last) {
    if (last < 0) last = data.rows();
    const auto features = static_cast<std::size_t>(data.sample().elements());
    Summary out;
    out.rows = last - first;
    out.sample = data.sample();
    out.type = data.type();
    constexpr float infinite = std::numeric_limits<float>::infinity();
    Sums sums{std::vector<double>(features), std::vector<double>(features), std::vector<double>(features),
              std::vector<float>(features, infinite), std::vector<float>(features, -infinite)};
    const std::int64_t step =
        std::clamp<std::int64_t>((std::int64_t{1} << 20) / static_cast<std::int64_t>(features), 1, 4096);
    std::vector<float> block(static_cast<std::size_t>(std::min(step, std::max<std::int64_t>(1, out.rows))) * features);
    std::vector<std::uint8_t> good(static_cast<std::size_t>(step));
    std::int64_t counted = 0;
    for (std::int64_t at = first; at < last; at += step) {
        const auto rows = static_cast<std::size_t>(std::min(step, last - at));
        data.read(at, static_cast<std::int64_t>(rows), block.data());
        for (std::size_t r = 0; r < rows; ++r) {
            good[r] = simd::kernels().all_finite(block.data() + r * features, features);
            if (good[r]) continue;
            ++out.bad_rows;
            if (out.first_bad.size() < 8) out.first_bad.push_back(at + static_cast<std::int64_t>(r));
        }
        std::size_t begin = 0;
        if (counted == 0) {
            while (begin < rows && !good[begin]) ++begin;
            if (begin == rows) continue;
            for (std::size_t f = 0; f < features; ++f) sums.first[f] = block[begin * features + f];
        }
        for (std::size_t r = begin; r < rows; ++r) counted += good[r];
        loop.each((features + chunk - 1) / chunk, [&](std::size_t task) {
            const std::size_t end = std::min(features, (task + 1) * chunk);
            for (std::size_t r = begin; r < rows; ++r) {
                if (!good[r]) continue;
                const float* row = block.data() + r * features;
                for (std::size_t f = task * chunk; f < end; ++f) {
                    const double d = row[f] - sums.first[f];
                    sums.sum[f] += d;
                    sums.squares[f] += d * d;
                    sums.low[f] = std::min(sums.low[f], row[f]);
                    sums.high[f] = std::max(sums.high[f], row[f]);
                }
            }
        });
    }
    if (counted == 0) std::fill(sums.low.begin(), sums.low.end(), 0.0f), sums.high = sums.low;
    out.feature_low = sums.low;
    out.feature_high = sums.high;
    out.mean.resize(features);
    out.deviation.resize(features);
    const double n = static_cast<double>(std::max<std::int64_t>(1, counted));
    for (std::size_t f = 0; f < features; ++f) {
        const double mean = sums.sum[f] / n;
        out.mean[f] = static_cast<float>(sums.first[f] + mean);
        out.deviation[f] = static_cast<float>(std::sqrt(std::max(0.0, sums.squares[f] / n - mean * mean)));
        if (out.feature_low[f] == out.feature_high[f]) ++out.constant_features;
    }
    if (features > 0) {
        out.low = *std::min_element(out.feature_low.begin(), out.feature_low.end());
        out.high = *std::max_element(out.feature_high.begin(), out.feature_high.end());
    }
    return out;
}

}  // namespace narrows::datasets
