// Reconstruction losses. The value is a mean over the samples of the batch; a sample's part is
//   mse    1/n sum (p - t)^2          metrics `sse` (sum over the n features) and `mse`
//   bce    sum of max(z,0) - z t + log(1 + exp(-|z|)) over logits z; nats; metric `bce`
//   gaussian_nll, laplace_nll  see likelihood_loss.hpp
//   huber  1/n sum of d^2/2 where |d| <= delta, delta (|d| - delta/2) beyond; metric `huber`
// Rows are summed one by one, then in row order, in double: the same bits for any thread count.
#include "pipeline/plugin.hpp"
#include "pipeline/simd/kernels.hpp"
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
        logits_ = takes_logits() && context.prefer("prediction", "logits");
        context.set_shape("per_sample", Shape{prediction[0]});
        rows_ = context.reserve(static_cast<std::size_t>(prediction[0]) * sizeof(double));
    }

    // The gradient is written here already, for a seed of 1: one pass over prediction and target
    // gives both.
    void process(Context& context) override {
        const Tensor<const float> prediction = context.in("prediction");
        const Tensor<const float> target = context.in("target");
        const auto count = static_cast<std::size_t>(context.place().count);
        const auto features = static_cast<std::size_t>(prediction.row_size());
        auto* rows = reinterpret_cast<double*>(context.workspace(rows_).data());
        const bool training = context.place().phase == narrows::Phase::training;
        const Tensor<float> gradient =
            training ? context.gradient_for("prediction") : Tensor<float>{};
        const double weight = mean_over_features() ? 1.0 / static_cast<double>(features) : 1.0;
        const auto scale = static_cast<float>(weight / static_cast<double>(count));

        context.loop().each((count + rows_per_task - 1) / rows_per_task, [&](std::size_t task) {
            const std::size_t last = std::min(count, (task + 1) * rows_per_task);
            for (std::size_t r = task * rows_per_task; r < last; ++r) {
                const auto row = static_cast<std::int64_t>(r);
                rows[r] = row_loss(prediction.row(row), target.row(row), scale,
                                   gradient.data ? gradient.row(row) : nullptr, features);
            }
        });

        double sum = 0;
        for (std::size_t r = 0; r < count; ++r) sum += rows[r];
        if (context.wanted("per_sample")) {
            const Tensor<float> out = context.out("per_sample");
            for (std::size_t r = 0; r < count; ++r) out.data[r] = static_cast<float>(per_sample(rows[r], features));
        }
        context.set_scalar("value", sum * weight / static_cast<double>(count));
        report(context, sum, features);
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
    virtual double per_sample(double row, std::size_t) const { return row; }
    virtual void report(Context& context, double sum, std::size_t features) const = 0;

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
    void report(Context& context, double sum, std::size_t features) const override {
        const auto count = static_cast<double>(context.place().count);
        context.metric("sse", sum, count);
        context.metric("mse", sum / static_cast<double>(features), count);
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
    void report(Context& context, double sum, std::size_t) const override {
        context.metric("bce", sum, static_cast<double>(context.place().count));
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
    double per_sample(double row, std::size_t features) const override {
        return row / static_cast<double>(features);
    }
    void report(Context& context, double sum, std::size_t features) const override {
        context.metric("huber", sum / static_cast<double>(features),
                       static_cast<double>(context.place().count));
    }
    float delta_ = 1;
};

}  // namespace

NARROWS_PLUGIN("loss", "0.1.0", "Reconstruction losses",
               NARROWS_NODE(MeanSquaredError, "loss.mse"),
               NARROWS_NODE(BinaryCrossEntropy, "loss.bce"), NARROWS_NODE(Huber, "loss.huber"),
               NARROWS_NODE(narrows::plugins::GaussianNll, "loss.gaussian_nll"),
               NARROWS_NODE(narrows::plugins::LaplaceNll, "loss.laplace_nll"))
