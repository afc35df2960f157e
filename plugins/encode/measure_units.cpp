#include "plugins/encode/measure_units.hpp"

#include <algorithm>
#include <cmath>

namespace narrows::plugins {

void MeasureUnits::describe(Schema& schema) {
    schema.summary("Count active and dead units of a layer's output over the whole stream.")
        .threads(Threads::ordered)  // sums in sequence order: the same bits for any thread count
        .in("z", "f32[batch, ...]", "codes, or any layer's output");
}

void MeasureUnits::open(OpenContext& context) {
    const auto units = static_cast<std::size_t>(context.shape("z").sample().elements());
    sum_.assign(units, 0);
    squares_.assign(units, 0);
    low_.assign(units, std::numeric_limits<double>::infinity());
    high_.assign(units, -std::numeric_limits<double>::infinity());
}

void MeasureUnits::process(Context& context) {
    const Tensor<const float> z = context.in("z");
    for (std::int64_t r = 0; r < context.place().count; ++r) {
        const float* row = z.row(r);
        for (std::size_t unit = 0; unit < sum_.size(); ++unit) {
            const double value = row[unit];
            sum_[unit] += value;
            squares_[unit] += value * value;
            low_[unit] = std::min(low_[unit], value);
            high_[unit] = std::max(high_[unit], value);
        }
    }
    count_ += static_cast<double>(context.place().count);
}

void MeasureUnits::finish(RunContext& run) {
    if (count_ == 0) return;
    std::vector<double> deviation(sum_.size());
    for (std::size_t unit = 0; unit < sum_.size(); ++unit) {
        const double mean = sum_[unit] / count_;
        deviation[unit] = std::sqrt(std::max(0.0, squares_[unit] / count_ - mean * mean));
    }
    const double widest = deviation.empty() ? 0 : *std::max_element(deviation.begin(), deviation.end());
    double active = 0, dead = 0;
    for (std::size_t unit = 0; unit < sum_.size(); ++unit) {
        if (low_[unit] == high_[unit]) ++dead;
        else if (deviation[unit] >= 0.01 * widest) ++active;
    }
    run.result("active_units", active);
    run.result("dead_units", dead);
}

}  // namespace narrows::plugins
