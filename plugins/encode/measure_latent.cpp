#include "plugins/encode/measure_latent.hpp"

#include "pipeline/simd/kernels.hpp"
#include "plugins/encode/element.hpp"

namespace narrows::plugins {
namespace {

constexpr double active_variance = 0.01;

}  // namespace

void MeasureLatent::describe(Schema& schema) {
    schema
        .summary(
            "KL per dimension, active units and, with the reconstruction's nats, the negative "
            "ELBO.")
        .threads(Threads::ordered)
        .in("mean", "f32[batch, ...]", "means of the latent")
        .in("log_variance", "f32[batch, ...]", "log-variances")
        .in("nats", "f32[batch]", "reconstruction loss of each sample", Need::optional);
}

void MeasureLatent::open(OpenContext& context) {
    units_ = static_cast<std::size_t>(context.shape("mean").sample().elements());
    divergence_.assign(units_, 0);
    sum_.assign(units_, 0);
    squares_.assign(units_, 0);
    has_nats_ = context.connected("nats");
}

void MeasureLatent::process(Context& context) {
    const bool streaming = context.place().phase == Phase::streaming;
    const auto rows = static_cast<std::size_t>(context.place().count);
    const auto count = static_cast<double>(rows);
    const Tensor<const float> mean = context.in("mean"), log_variance = context.in("log_variance");
    std::vector<double> divergence(units_), sum(units_), squares(units_);
    std::vector<float> variance(log_variance.data, log_variance.data + rows * units_);
    simd::kernels().exponential(variance.data(), variance.data(), variance.size());
    for (std::size_t at = 0; at < rows * units_; ++at) {
        const double m = mean.data[at], v = log_variance.data[at];
        divergence[at % units_] += 0.5 * (m * m + variance[at] - v - 1);
        sum[at % units_] += m;
        squares[at % units_] += m * m;
    }
    for (std::size_t i = 0; i < units_; ++i) {
        if (streaming) {
            divergence_[i] += divergence[i];
            sum_[i] += sum[i];
            squares_[i] += squares[i];
            continue;
        }
        // What the engine keeps lives through a stop and --resume in the middle of an epoch.
        context.metric(element("kl_per_dimension", i), divergence[i], count);
        context.metric(element(".mean", i), sum[i], count);
        context.metric(element(".square", i), squares[i], count);
    }
    if (!streaming) return;
    if (has_nats_) {
        const Tensor<const float> nats = context.in("nats");
        for (std::size_t r = 0; r < rows; ++r) nats_ += nats.data[r];
    }
    count_ += count;
}

void MeasureLatent::epoch_end(RunContext& run) {
    for (const Phase phase : {Phase::training, Phase::validation}) {
        double active = 0;
        bool seen = false;
        for (std::size_t i = 0; i < units_; ++i) {
            const double mean = run.epoch_mean(element(".mean", i), phase);
            const double variance = run.epoch_mean(element(".square", i), phase) - mean * mean;
            seen = seen || mean == mean;
            active += variance > active_variance;
        }
        if (!seen) continue;
        run.result(phase == Phase::training ? "active_units" : "validation_active_units", active);
        active_ = active;
    }
}

void MeasureLatent::finish(RunContext& run) {
    if (run.mode() == Mode::train) return say_collapse(run);
    if (count_ == 0) return;
    double kl = 0, active = 0;
    for (std::size_t i = 0; i < units_; ++i) {
        divergence_[i] /= count_;
        kl += divergence_[i];
        const double mean = sum_[i] / count_;
        active += squares_[i] / count_ - mean * mean > active_variance;
    }
    run.result("kl", kl);
    run.result("kl_per_dimension", divergence_);
    run.result("active_units", active);
    if (has_nats_) run.result("negative_elbo", nats_ / count_ + kl);
    active_ = active;
    say_collapse(run);
}

// Nearly all: nine of ten.
void MeasureLatent::say_collapse(RunContext& run) const {
    if (active_ < 0 || 10 * active_ > static_cast<double>(units_)) return;
    run.warn(std::to_string(static_cast<int>(active_)) + " of " + std::to_string(units_) +
             " latent dimensions are active: the posterior has collapsed to the prior, and codes "
             "say nearly nothing about their samples; lower beta, or let it rise with warmup or "
             "free_bits of penalty.kl");
}

}  // namespace narrows::plugins
