#include "plugins/encode/code_moments.hpp"

#include <algorithm>
#include <cmath>

namespace narrows::plugins {
namespace {

constexpr double active_share = 0.01;  // of the most varied unit's deviation
constexpr double near_end = 0.01;      // of the activation's range
constexpr double saturated_share = 0.99;
constexpr double rounding = 1e-12;  // of the square: a variance below is none

}  // namespace

void CodeMoments::resize(std::size_t units, std::size_t paired) {
    const std::size_t pairs = std::min(units, paired);
    sum.resize(units);
    square.resize(units);
    at_end.resize(units);
    cross.resize(pairs * (pairs + 1) / 2);
    paired_.clear();
    for (std::size_t i = 0; i < pairs; ++i) paired_.push_back(i * units / pairs);
    clear();
}

void CodeMoments::clear() {
    for (std::vector<double>* values : {&sum, &square, &at_end, &cross})
        std::fill(values->begin(), values->end(), 0.0);
    count = bad_rows = 0;
}

void CodeMoments::add(const float* rows, std::size_t rows_count,
                      const std::optional<Bounds>& bounds) {
    const std::size_t width = units();
    for (const float* row = rows; row != rows + rows_count * width; row += width) {
        if (!std::all_of(row, row + width, [](float value) { return std::isfinite(value); })) {
            bad_rows += 1;
            continue;
        }
        count += 1;
        for (std::size_t i = 0; i < width; ++i) {
            const double value = row[i];
            sum[i] += value;
            square[i] += value * value;
        }
        if (bounds) {
            const double margin = near_end * (bounds->high - bounds->low);
            for (std::size_t i = 0; i < width; ++i)
                at_end[i] += row[i] < bounds->low + margin || row[i] > bounds->high - margin;
        }
        std::size_t at = 0;
        for (std::size_t i = 0; i < paired_.size(); ++i)
            for (std::size_t j = i; j < paired_.size(); ++j)
                cross[at++] += double{row[paired_[i]]} * double{row[paired_[j]]};
    }
}

CodeHealth CodeMoments::health() const {
    CodeHealth out;
    if (count == 0) return out;
    std::vector<double> deviation(units());
    std::vector<bool> varied(units());
    for (std::size_t i = 0; i < units(); ++i) {
        const double mean = sum[i] / count, variance = square[i] / count - mean * mean;
        varied[i] = variance > rounding * square[i] / count;
        deviation[i] = varied[i] ? std::sqrt(variance) : 0;
        if (!varied[i] && out.dead++ == 0) out.first_dead = i;
        out.saturated += at_end[i] >= saturated_share * count;
    }
    const double widest =
        deviation.empty() ? 0 : *std::max_element(deviation.begin(), deviation.end());
    for (std::size_t i = 0; i < units(); ++i)
        out.active += varied[i] && deviation[i] >= active_share * widest;
    double pairs = 0;
    std::size_t at = 0;
    for (std::size_t i = 0; i < paired_.size(); ++i)
        for (std::size_t j = i; j < paired_.size(); ++j, ++at) {
            const std::size_t a = paired_[i], b = paired_[j];
            if (a == b || !varied[a] || !varied[b]) continue;
            const double covariance = cross[at] / count - sum[a] / count * (sum[b] / count);
            const double r = std::min(1.0, std::abs(covariance) / (deviation[a] * deviation[b]));
            out.mean_correlation += r;
            pairs += 1;
            if (r <= out.highest_correlation) continue;
            out.highest_correlation = r;
            out.pair[0] = a;
            out.pair[1] = b;
        }
    if (pairs > 0) out.mean_correlation /= pairs;
    return out;
}

}  // namespace narrows::plugins
