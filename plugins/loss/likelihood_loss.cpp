#include "plugins/loss/likelihood_loss.hpp"

#include <algorithm>

#include "pipeline/simd/kernels.hpp"

namespace narrows::plugins {
namespace {

constexpr std::size_t rows_per_task = 16;

}  // namespace

Schema& LocationScaleNll::describe_ports(Schema& schema, std::string_view summary) {
    return schema.summary(summary)
        .threads(Threads::parallel)
        .in("prediction", "f32[batch, ...]", "means of the distribution")
        .in("target", "f32[batch, ...]", "what was seen")
        .in("log_scale", "f32[batch, ...]", "log of the scale of each value; else `scale`",
            Need::optional)
        .out("value", "scalar", "mean over the batch")
        .out("per_sample", "f32[batch]", "nats of each sample")
        .number<&LocationScaleNll::scale_>(
            "scale", 1, 1e-12, 1e12, "fixed scale, where log_scale is not connected", "data units")
        .number<&LocationScaleNll::smallest_>("min_scale", 1e-3, 1e-12, 1e12,
                                              "a learned scale is at least this", "data units");
}

void GaussianNll::describe(Schema& schema) {
    describe_ports(schema,
                   "Negative log-likelihood of a normal distribution in nats, with constants.");
}
void LaplaceNll::describe(Schema& schema) {
    describe_ports(schema,
                   "Negative log-likelihood of a Laplace distribution in nats, with constants.");
}

void LocationScaleNll::open(OpenContext& context) {
    const Shape prediction = context.shape("prediction");
    for (const char* port : {"target", "log_scale"}) {
        if (port == std::string_view("log_scale") && !context.connected(port)) continue;
        const Shape other = context.shape(port);
        if (prediction.elements() != other.elements())
            context.fail("prediction has shape " + to_string(prediction) + " but " + port +
                         " has " + to_string(other));
    }
    likelihood_.scale = scale_;
    likelihood_.smallest = smallest_;
    context.set_shape("per_sample", Shape{prediction[0]});
    rows_ = context.reserve(static_cast<std::size_t>(prediction[0]) * sizeof(double));
}

// The gradients are written here already, for a seed of 1.
void LocationScaleNll::process(Context& context) {
    const Tensor<const float> prediction = context.in("prediction"), target = context.in("target");
    const Tensor<const float> log_scale =
        context.connected("log_scale") ? context.in("log_scale") : Tensor<const float>{};
    const auto count = static_cast<std::size_t>(context.place().count);
    const auto features = static_cast<std::size_t>(prediction.row_size());
    auto* rows = reinterpret_cast<double*>(context.workspace(rows_).data());
    Tensor<float> to_prediction, to_log_scale;
    if (context.place().phase == Phase::training) {
        to_prediction = context.gradient_for("prediction");
        if (log_scale.data != nullptr) to_log_scale = context.gradient_for("log_scale");
    }
    const auto factor = static_cast<float>(1.0 / static_cast<double>(count));
    context.loop().each((count + rows_per_task - 1) / rows_per_task, [&](std::size_t task) {
        const std::size_t last = std::min(count, (task + 1) * rows_per_task);
        for (std::size_t r = task * rows_per_task; r < last; ++r) {
            const std::size_t at = r * features;
            rows[r] = likelihood_.nats(prediction.data + at,
                                       log_scale.data ? log_scale.data + at : nullptr,
                                       target.data + at, features, factor,
                                       to_prediction.data ? to_prediction.data + at : nullptr,
                                       to_log_scale.data ? to_log_scale.data + at : nullptr);
        }
    });
    double sum = 0;
    for (std::size_t r = 0; r < count; ++r) sum += rows[r];
    if (context.wanted("per_sample"))
        for (std::size_t r = 0; r < count; ++r)
            context.out("per_sample").data[r] = static_cast<float>(rows[r]);
    context.set_scalar("value", sum / static_cast<double>(count));
    context.metric(metric_, sum, static_cast<double>(count));
}

void LocationScaleNll::backward(Context& context) {
    const auto seed = static_cast<float>(context.scalar_gradient("value"));
    if (seed == 1.0f) return;
    for (const char* port : {"prediction", "log_scale"}) {
        if (port == std::string_view("log_scale") && !context.connected(port)) continue;
        const Tensor<float> gradient = context.gradient_for(port);
        if (gradient.data != nullptr)
            simd::kernels().scale(
                seed, gradient.data,
                static_cast<std::size_t>(context.place().count * gradient.row_size()));
    }
}

}  // namespace narrows::plugins
