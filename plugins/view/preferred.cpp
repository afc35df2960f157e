#include "plugins/view/preferred.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace narrows::plugins {

void ViewPreferred::describe(Schema& schema) {
    schema.summary("Draw what each unit responds to: the mean of the samples that excite it most.")
        .threads(Threads::ordered)
        .binds_model(Need::optional)
        .in("x", "f32[batch, ...]", "samples")
        .in("z", "f32[batch, ...]",
            "activities; units are values of a vector, or channels at their most active position")
        .integer<&ViewPreferred::count_>("count", 64, 1, 1 << 20, "the first so many units",
                                         "units")
        .integer<&ViewPreferred::samples_>("samples", 9, 1, 1 << 20, "averaged for each unit",
                                           "samples");
    describe_drawing(schema);
}

void ViewPreferred::open(OpenContext& context) {
    const Shape shape = context.shape("x").sample(), z = context.shape("z").sample();
    open_drawing(context, shape);
    features_ = static_cast<std::size_t>(shape.elements());
    channels_ = static_cast<std::size_t>(z.rank() > 0 ? z[z.rank() - 1] : 1);
    units_.resize(std::min(static_cast<std::size_t>(count_), channels_));
    const auto kept = static_cast<std::uint64_t>(std::min(samples_, context.samples()));
    context.hold(units_.size() * (kept + 1) * features_ * sizeof(float));
}

void ViewPreferred::meet(Unit& unit, float activity, const float* sample) const {
    unit.low = unit.seen ? std::min(unit.low, activity) : activity;
    unit.high = unit.seen ? std::max(unit.high, activity) : activity;
    unit.seen = true;
    const bool full = unit.kept.size() == static_cast<std::size_t>(samples_);
    if (full && !(activity > unit.kept.back().activity)) return;
    Kept kept;
    if (full) {  // its memory is used again
        kept = std::move(unit.kept.back());
        unit.kept.pop_back();
    }
    kept.activity = activity;
    kept.sample.assign(sample, sample + features_);
    const auto behind = std::find_if(unit.kept.begin(), unit.kept.end(),
                                     [&](const Kept& k) { return activity > k.activity; });
    unit.kept.insert(behind, std::move(kept));
}

void ViewPreferred::process(Context& context) {
    const Tensor<const float> x = context.in("x"), z = context.in("z");
    const auto values = static_cast<std::size_t>(z.row_size());
    for (std::int64_t row = 0; row < context.place().count; ++row) {
        const float* activities = z.row(row);
        for (std::size_t u = 0; u < units_.size(); ++u) {
            float most = activities[u];
            for (std::size_t at = u + channels_; at < values; at += channels_)
                most = std::max(most, activities[at]);
            meet(units_[u], most, x.row(row));
        }
    }
}

void ViewPreferred::finish(RunContext& run) {
    std::vector<float> means, none;
    double silent = 0;
    for (const Unit& unit : units_) {
        const bool dead = !(unit.low < unit.high);
        silent += dead ? 1 : 0;
        for (std::size_t i = 0; i < features_; ++i) {
            double sum = 0;
            for (const Kept& kept : unit.kept) sum += kept.sample[i];
            means.push_back(dead ? std::numeric_limits<float>::quiet_NaN()
                                 : static_cast<float>(sum / static_cast<double>(unit.kept.size())));
        }
    }
    write(run, means, none);
    run.result("method", fmt::format("mean of the {} samples that excite a unit most", samples_));
    run.result("dead_units", silent);
}

}  // namespace narrows::plugins
