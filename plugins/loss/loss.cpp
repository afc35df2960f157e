// Reconstruction losses. The value is a mean over the samples of the batch; a sample's part is
//   mse    1/n sum (p - t)^2          metrics `sse` (sum over the n features) and `mse`
//   bce    sum of max(z,0) - z t + log(1 + exp(-|z|)) over logits z; nats; metric `bce`
//   gaussian_nll, laplace_nll  see likelihood_loss.hpp
//   huber  1/n sum of d^2/2 where |d| <= delta, delta (|d| - delta/2) beyond; metric `huber`
// With `weight` connected (w: 0 for missing values, any number >= 0 for emphasis) the mean over the
// values of the batch becomes the weighted mean, sum w l / sum w, and a sum over features is n
// times that: the loss keeps its scale whatever part of the values counts, and a batch in which
// nothing counts gives 0. The same holds for the metrics, over all of the data, and `per_sample`,
// within each sample: what a sample's observed values say, scaled to all n.
// Rows are summed one by one, then in row order, in double: the same bits for any thread count.
#include "pipeline/plugin.hpp"
#include "pipeline/simd/kernels.hpp"
#include "plugins/loss/classes.hpp"
#include "plugins/loss/likelihood_loss.hpp"

namespace {

using narrows::Context;
using narrows::OpenContext;
using narrows::Schema;
using narrows::Shape;
using narrows::Tensor;
using narrows::simd::kernels;

class Loss : public narrows::Node {
public:
    void open(OpenContext& context) override {
        const Shape prediction = context.shape("prediction");
        const Shape target = context.shape("target");
        if (prediction.elements() != target.elements())
            context.fail("prediction has shape " + to_string(prediction) + " but target has " +
                         to_string(target));
        if (context.connected("weight") && context.shape("weight").elements() != target.elements())
            context.fail("weight has shape " + to_string(context.shape("weight")) +
                         " but target has " + to_string(target));
        logits_ = takes_logits() && context.prefer("prediction", "logits");
        context.set_shape("per_sample", Shape{prediction[0]});
        rows_ = context.reserve(static_cast<std::size_t>(prediction[0]) * 2 * sizeof(double));
    }

    // The gradient is written here already, for a seed of 1: one pass over prediction and target
    // gives both.
    void process(Context& context) override {
        const Tensor<const float> prediction = context.in("prediction");
        const Tensor<const float> target = context.in("target");
        const Tensor<const float> weight =
            context.connected("weight") ? context.in("weight") : Tensor<const float>{};
        const auto count = static_cast<std::size_t>(context.place().count);
        const auto features = static_cast<std::size_t>(prediction.row_size());
        auto* rows = reinterpret_cast<double*>(context.workspace(rows_).data());
        double* weights = rows + count;
        double all = static_cast<double>(count);  // rows' worth of values that count
        if (weight.data != nullptr) all = sum_weights(context, weight, weights);
        const bool training = context.place().phase == narrows::Phase::training;
        const Tensor<float> gradient =
            training ? context.gradient_for("prediction") : Tensor<float>{};
        const auto scale = static_cast<float>(all > 0 ? per_value(features) / all : 0);

        context.loop().each((count + rows_per_task - 1) / rows_per_task, [&](std::size_t task) {
            const std::size_t last = std::min(count, (task + 1) * rows_per_task);
            for (std::size_t r = task * rows_per_task; r < last; ++r) {
                const auto row = static_cast<std::int64_t>(r);
                float* slope = gradient.data ? gradient.row(row) : nullptr;
                rows[r] =
                    weight.data == nullptr
                        ? row_loss(prediction.row(row), target.row(row), scale, slope, features)
                        : weighted_row_loss(prediction.row(row), target.row(row), weight.row(row),
                                            scale, slope, features);
            }
        });

        double sum = 0;
        for (std::size_t r = 0; r < count; ++r) sum += rows[r];
        context.set_scalar("value", all > 0 ? sum * per_value(features) / all : 0);
        report(context, sum, all, features);
        if (!context.wanted("per_sample")) return;
        const Tensor<float> out = context.out("per_sample");
        for (std::size_t r = 0; r < count; ++r) {
            if (weight.data != nullptr) rows[r] = weights[r] > 0 ? rows[r] / weights[r] : 0;
            out.data[r] = static_cast<float>(per_sample(rows[r], features));
        }
    }

    void backward(Context& context) override {
        const Tensor<float> gradient = context.gradient_for("prediction");
        const auto seed = static_cast<float>(context.scalar_gradient("value"));
        if (gradient.data == nullptr || seed == 1.0f) return;
        kernels().scale(seed, gradient.data,
                        static_cast<std::size_t>(context.place().count * gradient.row_size()));
    }

protected:
    static constexpr std::size_t rows_per_task = 16;
    static Schema& describe_ports(Schema& schema, std::string_view summary,
                                  std::string_view per_sample) {
        return schema.summary(summary)
            .threads(narrows::Threads::parallel)
            .in("prediction", "f32[batch, ...]", "reconstructions")
            .in("target", "f32[batch, ...]", "what they should be")
            .in("weight", "f32[batch, ...]",
                "how much each value counts, 0: not at all; the loss is the weighted mean",
                narrows::Need::optional)
            .out("value", "scalar", "mean over the batch")
            .out("per_sample", "f32[batch]", per_sample);
    }
    bool logits() const { return logits_; }

private:
    virtual bool takes_logits() const { return false; }
    virtual bool mean_over_features() const { return true; }
    // The sum over features; the gradient is `scale` times the sum's.
    virtual double row_loss(const float* prediction, const float* target, float scale,
                            float* gradient, std::size_t n) const = 0;
    virtual double weighted_row_loss(const float* prediction, const float* target,
                                     const float* weight, float scale, float* gradient,
                                     std::size_t n) const = 0;
    virtual double per_sample(double row, std::size_t) const { return row; }
    // `sum` of the losses of all values that count; `rows` rows' worth of them.
    virtual void report(Context& context, double sum, double rows, std::size_t features) const = 0;

    double per_value(std::size_t features) const {
        return mean_over_features() ? 1.0 / static_cast<double>(features) : 1.0;
    }
    // Each row's weight as a part of a whole row's, and their sum.
    static double sum_weights(Context& context, const Tensor<const float>& weight,
                              double* weights) {
        const auto count = static_cast<std::size_t>(context.place().count);
        const auto features = static_cast<std::size_t>(weight.row_size());
        context.loop().each((count + rows_per_task - 1) / rows_per_task, [&](std::size_t task) {
            const std::size_t last = std::min(count, (task + 1) * rows_per_task);
            for (std::size_t r = task * rows_per_task; r < last; ++r)
                weights[r] = kernels().sum(weight.row(static_cast<std::int64_t>(r)), features) /
                             static_cast<double>(features);
        });
        double sum = 0;
        for (std::size_t r = 0; r < count; ++r) sum += weights[r];
        return sum;
    }

    std::size_t rows_ = 0;
    bool logits_ = false;
};

class MeanSquaredError final : public Loss {
public:
    static void describe(Schema& schema) {
        describe_ports(schema, "Mean squared error.", "sum of squared errors of each sample");
    }

private:
    double row_loss(const float* prediction, const float* target, float scale, float* gradient,
                    std::size_t n) const override {
        return kernels().squared_error(prediction, target, scale, gradient, n);
    }
    double weighted_row_loss(const float* prediction, const float* target, const float* weight,
                             float scale, float* gradient, std::size_t n) const override {
        return kernels().weighted_squared_error(prediction, target, weight, scale, gradient, n);
    }
    void report(Context& context, double sum, double rows, std::size_t features) const override {
        context.metric("sse", sum, rows);
        context.metric("mse", sum / static_cast<double>(features), rows);
    }
};

class BinaryCrossEntropy final : public Loss {
public:
    static void describe(Schema& schema) {
        describe_ports(schema,
                       "Binary cross-entropy in nats, summed over features; reads logits where the "
                       "prediction ends in a sigmoid.",
                       "nats of each sample");
    }

private:
    bool takes_logits() const override { return true; }
    bool mean_over_features() const override { return false; }
    double row_loss(const float* prediction, const float* target, float scale, float* gradient,
                    std::size_t n) const override {
        return (logits() ? kernels().bce_logits : kernels().bce)(prediction, target, scale,
                                                                 gradient, n);
    }
    double weighted_row_loss(const float* prediction, const float* target, const float* weight,
                             float scale, float* gradient, std::size_t n) const override {
        return (logits() ? kernels().weighted_bce_logits : kernels().weighted_bce)(
            prediction, target, weight, scale, gradient, n);
    }
    void report(Context& context, double sum, double rows, std::size_t) const override {
        context.metric("bce", sum, rows);
    }
};

class Huber final : public Loss {
public:
    static void describe(Schema& schema) {
        describe_ports(schema, "Huber loss: squared near zero, linear beyond delta (Huber 1964).",
                       "mean over features of each sample")
            .number<&Huber::delta_>("delta", 1, 1e-12, 1e12, "where the loss turns linear",
                                    "data units");
    }

private:
    double row_loss(const float* prediction, const float* target, float scale, float* gradient,
                    std::size_t n) const override {
        return kernels().huber(prediction, target, delta_, scale, gradient, n);
    }
    double weighted_row_loss(const float* prediction, const float* target, const float* weight,
                             float scale, float* gradient, std::size_t n) const override {
        return kernels().weighted_huber(prediction, target, weight, delta_, scale, gradient, n);
    }
    double per_sample(double row, std::size_t features) const override {
        return row / static_cast<double>(features);
    }
    void report(Context& context, double sum, double rows, std::size_t features) const override {
        context.metric("huber", sum / static_cast<double>(features), rows);
    }
    float delta_ = 1;
};

}  // namespace

NARROWS_PLUGIN("loss", "0.1.0", "Reconstruction and classification losses",
               NARROWS_NODE(MeanSquaredError, "loss.mse"),
               NARROWS_NODE(BinaryCrossEntropy, "loss.bce"), NARROWS_NODE(Huber, "loss.huber"),
               NARROWS_NODE(narrows::plugins::CrossEntropy, "loss.cross_entropy"),
               NARROWS_NODE(narrows::plugins::MeasureClasses, "measure.classes"),
               NARROWS_NODE(narrows::plugins::GaussianNll, "loss.gaussian_nll"),
               NARROWS_NODE(narrows::plugins::LaplaceNll, "loss.laplace_nll"))
