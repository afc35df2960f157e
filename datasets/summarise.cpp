#include <algorithm>
#include <cmath>
#include <limits>

#include "datasets/dataset.hpp"
#include "pipeline/simd/kernels.hpp"

namespace narrows::datasets {
namespace {

constexpr std::size_t chunk = 64;  // features that a task adds up

// Running numbers of each feature, of value - first, so that nothing cancels.
struct Sums {
    explicit Sums(std::size_t features)
        : first(features),
          sum(features),
          squares(features),
          count(features),
          low(features, std::numeric_limits<float>::infinity()),
          high(features, -std::numeric_limits<float>::infinity()) {}

    void add(std::size_t f, float value) {
        const double d = value - first[f];
        sum[f] += d;
        squares[f] += d * d;
        low[f] = std::min(low[f], value);
        high[f] = std::max(high[f], value);
    }
    // The features begin ... end - 1 of a row that may lack some.
    void add_finite(const float* row, std::size_t begin, std::size_t end) {
        for (std::size_t f = begin; f < end; ++f) {
            if (!std::isfinite(row[f])) continue;
            if (count[f]++ == 0) first[f] = row[f];
            add(f, row[f]);
        }
    }
    std::vector<double> first, sum, squares;
    std::vector<std::int64_t> count;
    std::vector<float> low, high;
};

std::int64_t not_finite(const float* row, std::size_t features) {
    return std::count_if(row, row + features, [](float value) { return !std::isfinite(value); });
}

void finish(Summary& out, const Sums& sums) {
    bool any = false;
    for (std::size_t f = 0; f < sums.count.size(); ++f) {
        if (sums.count[f] == 0) {
            ++out.empty_features;
            continue;
        }
        const auto n = static_cast<double>(sums.count[f]);
        const double mean = sums.sum[f] / n;
        out.mean[f] = static_cast<float>(sums.first[f] + mean);
        out.deviation[f] =
            static_cast<float>(std::sqrt(std::max(0.0, sums.squares[f] / n - mean * mean)));
        out.feature_low[f] = sums.low[f];
        out.feature_high[f] = sums.high[f];
        if (sums.low[f] == sums.high[f]) ++out.constant_features;
        out.low = any ? std::min(out.low, sums.low[f]) : sums.low[f];
        out.high = any ? std::max(out.high, sums.high[f]) : sums.high[f];
        any = true;
    }
}

}  // namespace

// Rows in order, each feature one chain: the same numbers for every thread count.
Summary summarise(const Dataset& data, const Loop& loop, std::int64_t first, std::int64_t last,
                  Counted counted) {
    if (last < 0) last = data.rows();
    const auto features = static_cast<std::size_t>(data.sample().elements());
    Summary out;
    out.rows = last - first;
    out.sample = data.sample();
    out.type = data.type();
    out.mean.resize(features);
    out.deviation.resize(features);
    out.feature_low.resize(features);
    out.feature_high.resize(features);
    Sums sums(features);
    std::int64_t step = std::clamp<std::int64_t>(
        (std::int64_t{1} << 20) / static_cast<std::int64_t>(features), 1, 4096);
    // Whole chunks where some fit: none is decoded twice, several are at once.
    if (const std::int64_t together = data.rows_together(); together > 1 && together <= step)
        step -= step % together;
    std::vector<float> block(
        static_cast<std::size_t>(std::min(step, std::max<std::int64_t>(1, out.rows))) * features);
    std::vector<std::uint8_t> good(static_cast<std::size_t>(step));
    for (std::int64_t at = first; at < last; at += step) {
        const auto rows = static_cast<std::size_t>(std::min(step, last - at));
        data.read(at, static_cast<std::int64_t>(rows), block.data());
        for (std::size_t r = 0; r < rows; ++r) {
            const float* row = block.data() + r * features;
            good[r] = simd::kernels().all_finite(row, features);
            if (good[r]) continue;
            const std::int64_t missing = not_finite(row, features);
            out.missing_values += missing;
            if (missing == static_cast<std::int64_t>(features)) ++out.empty_rows;
            ++out.bad_rows;
            if (out.first_bad.size() < 8)
                out.first_bad.push_back(at + static_cast<std::int64_t>(r));
        }
        loop.each((features + chunk - 1) / chunk, [&](std::size_t task) {
            const std::size_t begin = task * chunk, end = std::min(features, begin + chunk);
            const auto started = [&] {
                return std::all_of(sums.count.begin() + static_cast<std::ptrdiff_t>(begin),
                                   sums.count.begin() + static_cast<std::ptrdiff_t>(end),
                                   [](std::int64_t count) { return count > 0; });
            };
            bool plain = started();  // every feature has its first value
            for (std::size_t r = 0; r < rows; ++r) {
                if (!good[r] && counted == Counted::whole_rows) continue;
                const float* row = block.data() + r * features;
                if (!good[r] || !plain) {
                    sums.add_finite(row, begin, end);
                    plain = plain || good[r];
                    continue;
                }
                for (std::size_t f = begin; f < end; ++f) {
                    ++sums.count[f];
                    sums.add(f, row[f]);
                }
            }
        });
    }
    finish(out, sums);
    return out;
}

}  // namespace narrows::datasets
