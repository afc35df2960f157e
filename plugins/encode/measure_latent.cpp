#include "plugins/encode/measure_latent.hpp"

#include <cmath>

namespace narrows::plugins {

void MeasureLatent::describe(Schema& schema) {
    schema.summary("KL per dimension, active units and, with the reconstruction's nats, the negative ELBO.")
        .threads(Threads::ordered)
        .in("mean", "f32[batch, ...]", "means of the latent")
        .in("log_variance", "f32[batch, ...]", "log-variances")
        .in("nats", "f32[batch]", "reconstruction loss of each sample", Need::optional);
}

void MeasureLatent::open(OpenContext& context) {
    const auto units = static_cast<std::size_t>(context.shape("mean").sample().elements());
    divergence_.assign(units, 0);
    sum_.assign(units, 0);
    squares_.assign(units, 0);
    has_nats_ = context.connected("nats");
}

void MeasureLatent::process(Context& context) {
    const Tensor<const float> mean = context.in("mean"), log_variance = context.in("log_variance");
    for (std::int64_t r = 0; r < context.place().count; ++r)
        for (std::size_t i = 0; i < sum_.size(); ++i) {
            const double m = mean.row(r)[i], v = log_variance.row(r)[i];
            divergence_[i] += 0.5 * (m * m + std::exp(v) - v - 1);
            sum_[i] += m;
            squares_[i] += m * m;
        }
    if (has_nats_) {
        const Tensor<const float> nats = context.in("nats");
        for (std::int64_t r = 0; r < context.place().count; ++r) nats_ += nats.data[r];
    }
    count_ += static_cast<double>(context.place().count);
}

void MeasureLatent::finish(RunContext& run) {
    if (count_ == 0) return;
    double kl = 0, active = 0;
    for (std::size_t i = 0; i < sum_.size(); ++i) {
        divergence_[i] /= count_;
        kl += divergence_[i];
        const double mean = sum_[i] / count_;
        active += squares_[i] / count_ - mean * mean > 0.01;
    }
    run.result("kl", kl);
    run.result("kl_per_dimension", divergence_);
    run.result("active_units", active);
    if (has_nats_) run.result("negative_elbo", nats_ / count_ + kl);
}

}  // namespace narrows::plugins
