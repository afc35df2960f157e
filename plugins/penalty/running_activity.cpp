#include "plugins/penalty/running_activity.hpp"

#include <algorithm>
#include <cmath>

#include "plugins/encode/bound_model.hpp"

namespace narrows::plugins {
namespace {

constexpr std::size_t block = 64;  // units that a task sums
constexpr double least = 1e-6;     // means are kept this far from 0 and 1

}  // namespace

void RunningActivity::describe(Schema& schema) {
    schema.summary("KL divergence from a target activity to each unit's running mean.")
        .threads(Threads::ordered)
        .binds_model()
        .in("h", "f32[batch, ...]", "values in (0, 1), as a sigmoid gives")
        .out("value", "scalar", "weight times the sum over units")
        .number<&RunningActivity::target_>("target", 0.05, 1e-6, 0.999999, "activity of each unit")
        .number<&RunningActivity::weight_>("weight", 0.1, 0, 1e9, "factor of the penalty")
        .number<&RunningActivity::momentum_>("momentum", 0.9, 0, 0.999999,
                                             "part of the running mean that a batch leaves");
}

void RunningActivity::open(OpenContext& context) {
    if (context.mode() != Mode::train)
        context.fail("penalty.running_activity needs mode = \"train\"");
    const auto units = static_cast<std::size_t>(context.shape("h").sample().elements());
    mean_ = autoencoder(context.model())
                .statistic(std::string(context.id()) + ".mean", units, static_cast<float>(target_));
}

// Sums of a batch in double, rows in order. Outside training the running mean is as it was.
void RunningActivity::process(Context& context) {
    const Tensor<const float> h = context.in("h");
    const std::int64_t rows = context.place().count;
    if (context.place().phase == Phase::training)
        context.loop().each((mean_.size() + block - 1) / block, [&](std::size_t task) {
            const std::size_t first = task * block, count = std::min(block, mean_.size() - first);
            double sums[block] = {};
            for (std::int64_t r = 0; r < rows; ++r)
                for (std::size_t j = 0; j < count; ++j) sums[j] += h.row(r)[first + j];
            for (std::size_t j = 0; j < count; ++j) {
                const double old = momentum_ * static_cast<double>(mean_[first + j]);
                const double now = (1 - momentum_) * (sums[j] / static_cast<double>(rows));
                mean_[first + j] = static_cast<float>(old + now);
            }
        });
    double sum = 0, activity = 0;
    for (const float value : mean_) {
        const double m = std::clamp<double>(value, least, 1 - least);
        activity += value;
        // The value is only reported: libm may differ in its last bit without touching weights.
        sum += target_ * std::log(target_ / m) + (1 - target_) * std::log((1 - target_) / (1 - m));
    }
    context.set_scalar("value", weight_ * sum);
    const auto count = static_cast<double>(rows);
    context.metric("running_activity", activity / static_cast<double>(mean_.size()) * count, count);
}

void RunningActivity::backward(Context& context) {
    const Tensor<float> gradient = context.gradient_for("h");
    if (gradient.data == nullptr) return;
    const std::int64_t rows = context.place().count;
    const double scale =
        context.scalar_gradient("value") * weight_ * (1 - momentum_) / static_cast<double>(rows);
    context.loop().each((mean_.size() + block - 1) / block, [&](std::size_t task) {
        const std::size_t first = task * block, count = std::min(block, mean_.size() - first);
        float slopes[block] = {};
        for (std::size_t j = 0; j < count; ++j) {
            const double m = std::clamp<double>(mean_[first + j], least, 1 - least);
            slopes[j] = static_cast<float>(scale * ((1 - target_) / (1 - m) - target_ / m));
        }
        for (std::int64_t r = 0; r < rows; ++r) std::copy_n(slopes, count, gradient.row(r) + first);
    });
}

}  // namespace narrows::plugins
