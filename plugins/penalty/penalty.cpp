// Omega(h): penalties on any layer's output, added to the loss by the optimiser. Values are means
// over the samples of a batch; sums run over rows in order, in double.
//   l1        weight * sum_j |h_j|
//   activity  weight * sum_j KL(target || mean over the batch of h_j)      (Lee, Ng: sparse AE)
//   kl        beta * sum_j KL(N(mean_j, exp(log_variance_j)) || N(0, 1))   (Kingma and Welling
//   2014,
//             appendix B), with warm-up of beta and free bits (Kingma et al. 2016, appendix C)
// Contractive penalties stand in contractive.hpp.
#include <algorithm>
#include <cmath>

#include "pipeline/plugin.hpp"
#include "pipeline/simd/kernels.hpp"
#include "plugins/penalty/contractive.hpp"
#include "plugins/penalty/running_activity.hpp"

namespace {

using narrows::Context;
using narrows::OpenContext;
using narrows::Schema;
using narrows::Tensor;
using narrows::simd::kernels;

std::size_t unit_count(const OpenContext& context, std::string_view port) {
    return static_cast<std::size_t>(context.shape(port).sample().elements());
}

class L1 final : public narrows::Node {
public:
    static void describe(Schema& schema) {
        schema.summary("L1 penalty: the sum of absolute values of a layer's output.")
            .threads(narrows::Threads::parallel)
            .in("h", "f32[batch, ...]", "codes, or any layer's output")
            .out("value", "scalar", "weight times the mean over the batch")
            .number<&L1::weight_>("weight", 1e-3, 0, 1e9, "factor of the penalty");
    }

    void open(OpenContext& context) override {
        sums_ = context.reserve(static_cast<std::size_t>(context.shape("h")[0]) * sizeof(double));
    }

    void process(Context& context) override {
        const Tensor<const float> h = context.in("h");
        const auto count = static_cast<double>(context.place().count);
        const auto rows = static_cast<std::size_t>(context.place().count);
        auto* const sums = reinterpret_cast<double*>(context.workspace(sums_).data());
        context.loop().each(rows, [&](std::size_t r) {
            sums[r] = absolute(h.row(static_cast<std::int64_t>(r)),
                               static_cast<std::size_t>(h.row_size()));
        });
        double sum = 0;
        for (std::size_t r = 0; r < rows; ++r) sum += sums[r];
        context.set_scalar("value", weight_ * sum / count);
        context.metric("l1", sum, count);
    }

    void backward(Context& context) override {
        const Tensor<float> gradient = context.gradient_for("h");
        if (gradient.data == nullptr) return;
        const auto step = static_cast<float>(context.scalar_gradient("value") * weight_ /
                                             static_cast<double>(context.place().count));
        const float* h = context.in("h").data;
        const auto rows = static_cast<std::size_t>(context.place().count);
        const auto size = static_cast<std::size_t>(gradient.row_size());
        context.loop().each(rows, [&](std::size_t r) {
            for (std::size_t i = r * size; i < (r + 1) * size; ++i)
                gradient.data[i] = h[i] > 0 ? step : h[i] < 0 ? -step : 0.0f;
        });
    }

private:
    // Eight chains side by side, then added in order: as fast as memory, the same bits everywhere.
    static double absolute(const float* row, std::size_t size) {
        double lanes[8] = {};
        std::size_t j = 0;
        for (; j + 8 <= size; j += 8)
            for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] += std::fabs(row[j + lane]);
        for (; j < size; ++j) lanes[j % 8] += std::fabs(row[j]);
        double sum = 0;
        for (const double lane : lanes) sum += lane;
        return sum;
    }
    double weight_ = 0;
    std::size_t sums_ = 0;
};

// The units' mean over the batch is pulled to a target activity.
class Activity final : public narrows::Node {
public:
    static void describe(Schema& schema) {
        schema.summary("KL divergence from a target activity to each unit's mean over the batch.")
            .threads(narrows::Threads::parallel)
            .in("h", "f32[batch, ...]", "values in (0, 1), as a sigmoid gives")
            .out("value", "scalar", "weight times the sum over units")
            .number<&Activity::target_>("target", 0.05, 1e-6, 0.999999, "activity of each unit")
            .number<&Activity::weight_>("weight", 0.1, 0, 1e9, "factor of the penalty");
    }

    void open(OpenContext& context) override {
        means_ = context.reserve(unit_count(context, "h") * sizeof(double));
    }

    void process(Context& context) override {
        const Tensor<const float> h = context.in("h");
        const auto units = static_cast<std::size_t>(h.row_size());
        const auto count = static_cast<double>(context.place().count);
        auto* mean = reinterpret_cast<double*>(context.workspace(means_).data());
        std::fill(mean, mean + units, 0.0);
        for (std::int64_t r = 0; r < context.place().count; ++r)
            for (std::size_t j = 0; j < units; ++j) mean[j] += h.row(r)[j];
        double sum = 0, activity = 0;
        for (std::size_t j = 0; j < units; ++j) {
            mean[j] /= count;
            activity += mean[j];
            sum += divergence(std::clamp(mean[j], 1e-6, 1 - 1e-6));
        }
        context.set_scalar("value", weight_ * sum);
        context.metric("activity", activity / static_cast<double>(units) * count, count);
    }

    void backward(Context& context) override {
        const Tensor<float> gradient = context.gradient_for("h");
        if (gradient.data == nullptr) return;
        const auto units = static_cast<std::size_t>(gradient.row_size());
        const auto* mean = reinterpret_cast<const double*>(context.workspace(means_).data());
        const double scale =
            context.scalar_gradient("value") * weight_ / static_cast<double>(context.place().count);
        for (std::int64_t r = 0; r < context.place().count; ++r)
            for (std::size_t j = 0; j < units; ++j) {
                const double m = std::clamp(mean[j], 1e-6, 1 - 1e-6);
                gradient.row(r)[j] =
                    static_cast<float>(scale * ((1 - target_) / (1 - m) - target_ / m));
            }
    }

private:
    // The value is only reported: libm may differ in its last bit without touching the weights.
    double divergence(double mean) const {
        return target_ * std::log(target_ / mean) +
               (1 - target_) * std::log((1 - target_) / (1 - mean));
    }
    double target_ = 0, weight_ = 0;
    std::size_t means_ = 0;
};

class GaussianKl final : public narrows::Node {
public:
    static void describe(Schema& schema) {
        schema.summary("KL divergence of a Gaussian latent from the standard normal prior.")
            .threads(narrows::Threads::parallel)
            .in("mean", "f32[batch, ...]", "means of the latent")
            .in("log_variance", "f32[batch, ...]", "log-variances of the latent")
            .out("value", "scalar", "beta times the sum over dimensions, mean over the batch")
            .out("per_sample", "f32[batch]", "KL of each sample, nats")
            .number<&GaussianKl::beta_>("beta", 1, 0, 1e6, "weight of the divergence")
            .number<&GaussianKl::warmup_>("warmup", 0, 0, 1e6, "beta rises linearly over these",
                                          "epochs")
            .number<&GaussianKl::free_bits_>("free_bits", 0, 0, 1e6,
                                             "a dimension below this costs nothing", "nats");
    }

    void open(OpenContext& context) override {
        const auto units = unit_count(context, "mean");
        if (units != unit_count(context, "log_variance"))
            context.fail("mean has shape " + to_string(context.shape("mean")) +
                         " but log_variance has " + to_string(context.shape("log_variance")));
        const auto rows = static_cast<std::size_t>(context.shape("mean")[0]);
        context.set_shape("per_sample", narrows::Shape{static_cast<std::int64_t>(rows)});
        variance_ = context.reserve(rows * units * sizeof(float));
        dimension_ = context.reserve(units * sizeof(double));
        steps_per_epoch_ = context.mode() == narrows::Mode::train
                               ? static_cast<double>(context.total_steps()) /
                                     std::max<std::uint32_t>(context.epochs(), 1)
                               : 1;
    }

    void process(Context& context) override {
        const Tensor<const float> mean = context.in("mean");
        const Tensor<const float> log_variance = context.in("log_variance");
        const auto units = static_cast<std::size_t>(mean.row_size());
        const auto rows = static_cast<std::size_t>(context.place().count);
        const auto count = static_cast<double>(rows);
        auto* variance = reinterpret_cast<float*>(context.workspace(variance_).data());
        auto* dimension = reinterpret_cast<double*>(context.workspace(dimension_).data());
        kernels().exponential(log_variance.data, variance, rows * units);
        std::fill(dimension, dimension + units, 0.0);
        const bool rows_wanted = context.wanted("per_sample");
        const Tensor<float> per_sample = rows_wanted ? context.out("per_sample") : Tensor<float>{};
        double sum = 0;
        for (std::size_t r = 0; r < rows; ++r) {
            const auto row = static_cast<std::int64_t>(r);
            double of_row = 0;
            for (std::size_t j = 0; j < units; ++j) {
                const double m = mean.row(row)[j], lv = log_variance.row(row)[j];
                const double kl = 0.5 * (m * m + variance[r * units + j] - lv - 1.0);
                dimension[j] += kl;
                of_row += kl;
            }
            if (rows_wanted) per_sample.data[r] = static_cast<float>(of_row);
            sum += of_row;
        }
        double charged = 0;
        for (std::size_t j = 0; j < units; ++j)
            charged += std::max(dimension[j] / count, free_bits_);
        context.set_scalar("value", beta(context) * (free_bits_ > 0 ? charged : sum / count));
        context.metric("kl", sum, count);
    }

    void backward(Context& context) override {
        const Tensor<float> to_mean = context.gradient_for("mean");
        const Tensor<float> to_log_variance = context.gradient_for("log_variance");
        const float* mean = context.in("mean").data;
        const auto* variance = reinterpret_cast<const float*>(context.workspace(variance_).data());
        const auto* dimension =
            reinterpret_cast<const double*>(context.workspace(dimension_).data());
        const auto rows = static_cast<std::size_t>(context.place().count);
        const auto units = static_cast<std::size_t>(context.in("mean").row_size());
        const auto step = static_cast<float>(context.scalar_gradient("value") * beta(context) /
                                             static_cast<double>(rows));
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t j = 0; j < units; ++j) {
                const bool free =
                    free_bits_ > 0 && dimension[j] / static_cast<double>(rows) <= free_bits_;
                const float scale = free ? 0.0f : step;
                const std::size_t i = r * units + j;
                if (to_mean.data) to_mean.data[i] = scale * mean[i];
                if (to_log_variance.data)
                    to_log_variance.data[i] = scale * 0.5f * (variance[i] - 1.0f);
            }
    }

private:
    double beta(Context& context) const {
        if (warmup_ <= 0 || context.place().phase != narrows::Phase::training) return beta_;
        const double epoch = static_cast<double>(context.place().step) / steps_per_epoch_;
        return beta_ * std::min(1.0, epoch / warmup_);
    }
    double beta_ = 1, warmup_ = 0, free_bits_ = 0, steps_per_epoch_ = 1;
    std::size_t variance_ = 0, dimension_ = 0;
};

}  // namespace

NARROWS_PLUGIN("penalty", "0.1.0",
               "Penalties on codes: sparsity, variational divergence, contraction",
               NARROWS_NODE(L1, "penalty.l1"), NARROWS_NODE(Activity, "penalty.activity"),
               NARROWS_NODE(narrows::plugins::RunningActivity, "penalty.running_activity"),
               NARROWS_NODE(GaussianKl, "penalty.kl"),
               NARROWS_NODE(narrows::plugins::Contractive, "penalty.contractive"),
               NARROWS_NODE(narrows::plugins::ContractiveEstimate, "penalty.contractive_estimate"))
