#include "plugins/decode/interpolate.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/simd/scalar.hpp"

namespace narrows::plugins {

void between(const float* a, const float* b, double t, bool spherical, float* out, std::size_t n) {
    double of_a = 1 - t, of_b = t;
    if (spherical) {
        double aa = 0, bb = 0, ab = 0;
        for (std::size_t i = 0; i < n; ++i) {
            aa += static_cast<double>(a[i]) * a[i];
            bb += static_cast<double>(b[i]) * b[i];
            ab += static_cast<double>(a[i]) * b[i];
        }
        const double lengths = std::sqrt(aa) * std::sqrt(bb);
        const double angle = lengths > 0 ? simd::arc_cosine(ab / lengths) : 0;
        const double sine = simd::sine(angle);
        if (sine > 1e-6) {
            of_a = simd::sine((1 - t) * angle) / sine;
            of_b = simd::sine(t * angle) / sine;
        }
    }
    for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<float>(of_a * a[i] + of_b * b[i]);
    // The ends are the codes themselves.
    if (t == 0) std::copy_n(a, n, out);
    if (t == 1) std::copy_n(b, n, out);
}

void SampleInterpolate::describe(Schema& schema) {
    schema.summary("Codes between those of pairs of rows.")
        .threads(Threads::parallel)
        .source()
        .binds_model()
        .out("z", "f32[batch, ...]", "codes: all steps of the first pair, then of the next")
        .text<&SampleInterpolate::from_>("from", "", "DATA to begin at", Need::required)
        .text<&SampleInterpolate::to_>("to", "", "DATA to end at, as many rows", Need::required)
        .integer<&SampleInterpolate::steps_>("steps", 10, 2, 1 << 20,
                                             "points of a pair, both ends included", "samples")
        .choice<&SampleInterpolate::path_>("path", "linear", "linear|spherical",
                                           "straight, or along the arc between the two")
        .integer<&SampleInterpolate::batch_>("batch", 128, 1, 1 << 24, "samples in a packet",
                                             "samples");
}

void SampleInterpolate::open(OpenContext& context) {
    auto& model = autoencoder(context.model());
    if (!model.configured())
        context.fail("the model's shapes are not known here", "bind a trained model");
    from_data_ = open_for(model, from_);
    to_data_ = open_for(model, to_);
    if (from_data_->rows() != to_data_->rows())
        throw Error(Fault::input,
                    "there are " + std::to_string(from_data_->rows()) + " rows to begin at and " +
                        std::to_string(to_data_->rows()) + " to end at: rows are paired",
                    "choose as many with FILE@FIRST:LAST");
    code_ = static_cast<std::size_t>(model.code_shape().elements());
    const std::int64_t samples = from_data_->rows() * steps_;
    context.hold(2 * static_cast<std::uint64_t>(from_data_->rows()) * code_ * sizeof(float));
    context.stream(samples, std::min(batch_, samples));
    context.set_shape("z", model.code_shape().with_batch(context.batch()));
}

void SampleInterpolate::start(RunContext& run) {
    const auto& model = autoencoder(run.model());
    from_codes_ = codes_of(model, *from_data_, run.key(), run.loop());
    to_codes_ = codes_of(model, *to_data_, run.key(), run.loop());
}

void SampleInterpolate::process(Context& context) {
    const Tensor<float> z = context.out("z");
    const std::span<std::int64_t> ids = context.sample_ids();
    for (std::size_t i = 0; i < ids.size(); ++i) {
        ids[i] = context.place().first + static_cast<std::int64_t>(i);
        const auto pair = static_cast<std::size_t>(ids[i] / steps_);
        const double t = static_cast<double>(ids[i] % steps_) / static_cast<double>(steps_ - 1);
        between(from_codes_.data() + pair * code_, to_codes_.data() + pair * code_, t,
                path_ == "spherical", z.data + i * code_, code_);
    }
}

}  // namespace narrows::plugins
