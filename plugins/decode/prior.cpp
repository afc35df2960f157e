#include "plugins/decode/prior.hpp"

#include <algorithm>

#include "pipeline/simd/kernels.hpp"

namespace narrows::plugins {

void SamplePrior::describe(Schema& schema) {
    schema.summary("Draw codes from the prior of a Gaussian latent.")
        .threads(Threads::parallel)
        .source()
        .binds_model()
        .out("z", "f32[batch, ...]", "codes")
        .integer<&SamplePrior::samples_>("samples", 100, 1, std::int64_t{1} << 48, "how many",
                                         "samples")
        .integer<&SamplePrior::batch_>("batch", 128, 1, 1 << 24, "samples in a packet", "samples")
        .number<&SamplePrior::temperature_>("temperature", 1, 0, 100, "deviation of the draws");
}

void SamplePrior::open(OpenContext& context) {
    auto& model = autoencoder(context.model());
    if (!model.configured())
        context.fail("the model's shapes are not known here", "bind a trained model");
    if (!model.gaussian())
        context.fail("the model has no gaussian latent: there is no prior to draw from",
                     "train one with --model variational");
    context.stream(samples_, std::min(batch_, samples_));
    context.set_shape("z", model.code_shape().with_batch(context.batch()));
}

void SamplePrior::process(Context& context) {
    const Tensor<float> z = context.out("z");
    const std::span<std::int64_t> ids = context.sample_ids();
    const auto units = static_cast<std::size_t>(z.row_size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ids[i] = context.place().first + static_cast<std::int64_t>(i);
        float* row = z.data + i * units;
        simd::kernels().normal(
            {context.key().seed, context.key().node, 0, static_cast<std::uint64_t>(ids[i])}, 0, row,
            units);
        simd::kernels().scale(static_cast<float>(temperature_), row, units);
    }
}

}  // namespace narrows::plugins
