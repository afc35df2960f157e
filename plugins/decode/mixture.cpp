#include "plugins/decode/mixture.hpp"

#include <algorithm>

namespace narrows::plugins {

void SampleMixture::describe(Schema& schema) {
    schema.summary("Draw codes from a Gaussian mixture that is fitted to the codes of data.")
        .threads(Threads::parallel)
        .source()
        .binds_model()
        .out("z", "f32[batch, ...]", "codes")
        .out("component", "i64[batch]", "component that each was drawn from")
        .text<&SampleMixture::fit_>("fit", "", "DATA whose codes the mixture is fitted to",
                                    Need::required)
        .integer<&SampleMixture::components_>("components", 10, 1, 4096, "of the mixture")
        .integer<&SampleMixture::samples_>("samples", 100, 1, std::int64_t{1} << 48, "how many",
                                           "samples")
        .integer<&SampleMixture::batch_>("batch", 128, 1, 1 << 24, "samples in a packet",
                                         "samples");
}

void SampleMixture::open(OpenContext& context) {
    auto& model = autoencoder(context.model());
    if (!model.configured())
        context.fail("the model's shapes are not known here", "bind a trained model");
    data_ = open_for(model, fit_);
    if (data_->rows() < components_)
        throw Error(Fault::input,
                    data_->name() + " has " + std::to_string(data_->rows()) +
                        " rows, too few for a mixture of " + std::to_string(components_),
                    "give more rows, or fewer components");
    // The codes; and sums over products of two units, kept apart for 32 blocks of rows.
    const auto code = static_cast<std::uint64_t>(model.code_shape().elements());
    const auto k = static_cast<std::uint64_t>(components_);
    context.hold(static_cast<std::uint64_t>(data_->rows()) * (code * sizeof(float) + 8) +
                 36 * k * code * code * sizeof(double));
    context.stream(samples_, std::min(batch_, samples_));
    context.set_shape("z", model.code_shape().with_batch(context.batch()));
    context.set_shape("component", Shape{context.batch()}, Type::i64);
}

void SampleMixture::start(RunContext& run) {
    const auto& model = autoencoder(run.model());
    const layers::Floats codes = codes_of(model, *data_, run.key(), run.loop());
    analysis::MixtureOptions options;
    options.components = components_;
    options.key = run.key();
    mixture_ = analysis::fit_mixture(codes.data(), static_cast<std::size_t>(data_->rows()),
                                     static_cast<std::size_t>(model.code_shape().elements()),
                                     options, run.loop());
    run.result("mixture_log_likelihood", mixture_.log_likelihood);
    run.result("mixture_iterations", static_cast<double>(mixture_.iterations));
}

void SampleMixture::process(Context& context) {
    const Tensor<float> z = context.out("z");
    const bool told = context.wanted("component");
    const Tensor<std::int64_t> component =
        told ? context.out<std::int64_t>("component") : Tensor<std::int64_t>{};
    const std::span<std::int64_t> ids = context.sample_ids();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ids[i] = context.place().first + static_cast<std::int64_t>(i);
        const std::size_t c = mixture_.draw(context.key(), static_cast<std::uint64_t>(ids[i]),
                                            z.data + i * mixture_.dimensions);
        if (told) component.data[i] = static_cast<std::int64_t>(c);
    }
}

}  // namespace narrows::plugins
