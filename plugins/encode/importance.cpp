#include "plugins/encode/importance.hpp"

#include <algorithm>

#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::plugins {
namespace {

constexpr std::uint32_t own_draws = 0x496d7074;  // apart from all other randomness of the node

template <class T>
T* values(Context& context, std::size_t handle) {
    return reinterpret_cast<T*>(context.workspace(handle).data());
}

}  // namespace

void MeasureImportance::describe(Schema& schema) {
    schema.summary("Importance-sampled log-likelihood of a variational model.")
        .threads(Threads::parallel)
        .binds_model()
        .in("x", "f32[batch, ...]", "samples, scaled")
        .in("mean", "f32[batch, ...]", "means of their latents")
        .in("log_variance", "f32[batch, ...]", "log-variances")
        .out("value", "scalar", "-log p(x), nats, mean over the packet; over all the metric `nll`")
        .out("per_sample", "f32[batch]", "-log p(x) of each sample, nats")
        .integer<&MeasureImportance::draws_>("draws", 50, 1, 1 << 24, "codes drawn a sample",
                                             "draws")
        .choice<&MeasureImportance::likelihood_name_>(
            "likelihood", "bernoulli", "bernoulli|gaussian|laplace", "p(x | z) of the decoder")
        .number<&MeasureImportance::scale_>("scale", 1, 1e-12, 1e12,
                                            "gaussian, laplace: where the model does not learn it",
                                            "data units")
        .number<&MeasureImportance::smallest_>("min_scale", 1e-3, 1e-12, 1e12,
                                               "a learned scale is at least this", "data units");
}

void MeasureImportance::open(OpenContext& context) {
    auto& model = autoencoder(context.model());
    if (context.mode() != Mode::stream) context.fail("measure.importance needs mode = \"stream\"");
    if (!model.configured())
        context.fail("the model's shapes are not known here", "put encode before it");
    if (!model.gaussian())
        context.fail("the model has no gaussian latent to draw from",
                     "train one with --model variational");
    const auto& decoder = model.decoder();
    const Shape shape = context.shape("x");
    const auto rows = static_cast<std::size_t>(shape[0]);
    features_ = static_cast<std::size_t>(shape.sample().elements());
    code_ = static_cast<std::size_t>(model.code_shape().elements());
    outputs_ = static_cast<std::size_t>(decoder.output().elements());
    scaled_ = model.learned_scale();
    for (const char* port : {"mean", "log_variance"})
        if (static_cast<std::size_t>(context.shape(port).sample().elements()) != code_)
            context.fail(std::string(port) + " has shape " + to_string(context.shape(port)) +
                         " but the model's code is " + to_string(model.code_shape()));
    if (outputs_ != features_ * (scaled_ ? 2 : 1))
        context.fail("x has shape " + to_string(shape) + " but the decoder gives " +
                     to_string(decoder.output()));
    likelihood_.kind = model::likelihood_named(likelihood_name_);
    likelihood_.scale = scale_;
    likelihood_.smallest = smallest_;
    const auto last =
        decoder.size() > 0 ? decoder.layer(decoder.size() - 1).activation() : std::nullopt;
    likelihood_.logits = last == simd::Activation::sigmoid;
    context.set_shape("per_sample", Shape{shape[0]});
    workspace_ = context.reserve(decoder.workspace_bytes(rows, false));
    deviation_ = context.reserve(rows * code_ * sizeof(float));
    z_ = context.reserve(rows * code_ * sizeof(float));
    prediction_ = context.reserve(rows * outputs_ * sizeof(float));
    weights_ = context.reserve(rows * sizeof(simd::LogSumExp));
    ratio_ = context.reserve(rows * sizeof(double));
}

void MeasureImportance::process(Context& context) {
    const auto& decoder = autoencoder(context.model()).decoder();
    const Tensor<const float> x = context.in("x"), mean = context.in("mean"),
                              log_variance = context.in("log_variance");
    const std::span<const std::int64_t> ids = context.sample_ids();
    const std::size_t rows = ids.size();
    float* deviation = values<float>(context, deviation_);
    float* z = values<float>(context, z_);
    float* prediction = values<float>(context, prediction_);
    auto* weights = values<simd::LogSumExp>(context, weights_);
    auto* ratio = values<double>(context, ratio_);
    const auto& kernels = simd::kernels();
    std::copy_n(log_variance.data, rows * code_, deviation);
    kernels.scale(0.5f, deviation, rows * code_);
    kernels.exponential(deviation, deviation, rows * code_);
    for (std::size_t row = 0; row < rows; ++row) weights[row] = {};
    const bool logits =
        likelihood_.kind == model::Likelihood::Kind::bernoulli && likelihood_.logits;

    for (std::uint32_t k = 0; k < static_cast<std::uint32_t>(draws_); ++k) {
        context.loop().each(rows, [&](std::size_t row) {
            float* to = z + row * code_;
            const float *m = mean.data + row * code_, *s = deviation + row * code_,
                        *v = log_variance.data + row * code_;
            kernels.normal({context.key().seed, context.key().node ^ own_draws, k,
                            static_cast<std::uint64_t>(ids[row])},
                           0, to, code_);
            // log p(z) - log q(z | x), without the constants that both have
            double sum = 0;
            for (std::size_t i = 0; i < code_; ++i) {
                const double e = to[i];
                to[i] = m[i] + s[i] * to[i];
                const double drawn = to[i];
                sum += 0.5 * (e * e + v[i] - drawn * drawn);
            }
            ratio[row] = sum;
        });
        decoder.forward(pass_of(context), context.workspace(workspace_).data(), z, prediction,
                        logits);
        context.loop().each(rows, [&](std::size_t row) {
            const float* at = prediction + row * outputs_;
            weights[row].add(ratio[row] - likelihood_.nats(at, scaled_ ? at + features_ : nullptr,
                                                           x.data + row * features_, features_));
        });
    }
    const double log_draws = simd::logarithm(static_cast<double>(draws_));
    const Tensor<float> out = context.out("per_sample");
    double sum = 0;
    for (std::size_t row = 0; row < rows; ++row) {
        const double nats = log_draws - weights[row].log_sum();
        if (out.data != nullptr) out.data[row] = static_cast<float>(nats);
        sum += nats;
    }
    context.set_scalar("value", sum / static_cast<double>(rows));
    context.metric("nll", sum, static_cast<double>(rows));
}

}  // namespace narrows::plugins
