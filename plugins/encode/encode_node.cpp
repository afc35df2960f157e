#include "plugins/encode/encode_node.hpp"

#include <algorithm>

#include "pipeline/simd/kernels.hpp"

namespace narrows::plugins {
namespace {

constexpr float lowest = model::lowest_log_variance, highest = model::highest_log_variance;
constexpr std::uint32_t draws = 0x53616d70;  // apart from the layers' own randomness

Shape many(std::int64_t batch, std::int64_t draws_of_each, const Shape& code) {
    Shape out{batch, draws_of_each};
    for (const std::int64_t extent : code) out.push_back(extent);
    return out;
}

float* floats(Context& context, std::size_t handle) {
    return reinterpret_cast<float*>(context.workspace(handle).data());
}

}  // namespace

void Encode::describe(Schema& schema) {
    schema.summary("Map samples to their codes with a model's encoder.")
        .threads(Threads::parallel)
        .binds_model()
        .in("x", "f32[batch, ...]", "samples, scaled as the model's training data")
        .out("z", "f32[batch, ...]", "codes")
        .out("mean", "f32[batch, ...]", "gaussian latent: means")
        .out("log_variance", "f32[batch, ...]", "gaussian latent: log-variances, within [-20, 20]")
        .out("draws", "f32[batch, draws, ...]",
             "gaussian latent: samples of it, the first as z where z is drawn")
        .integer<&Encode::draws_>("draws", 0, 0, 1 << 16, "samples of the latent in `draws`")
        .integer<&Encode::first_>(
            "first", 0, 0, 1 << 20,
            "the encoder's layer that x goes into; those below it are left out", "layer")
        .integer<&Encode::last_>("last", 0, 0, 1 << 20, "the layer before which it ends; 0: all",
                                 "layer")
        .choice<&Encode::sample_>(
            "sample", "auto", "auto|always|never",
            "gaussian latent: z is drawn, or is the mean; auto: drawn while training");
}

void Encode::open(OpenContext& context) {
    auto& model = autoencoder(context.model());
    const Shape shape = context.shape("x");
    const auto layers = static_cast<std::int64_t>(model.encoder().size());
    if (first_ == 0)
        model.configure(shape.sample());
    else if (!model.configured() || first_ > layers)
        context.fail(
            "first = " + std::to_string(first_) + ", but " +
                (model.configured() ? "the encoder has " + std::to_string(layers) + " layers"
                                    : "the model's input shape is not known here"),
            "state input = [...] in the model");
    else if (shape.sample().elements() !=
             model.encoder().input_of(static_cast<std::size_t>(first_)).elements())
        context.fail("x has shape " + to_string(shape.sample()) + " but layer " +
                     std::to_string(first_) + " takes " +
                     to_string(model.encoder().input_of(static_cast<std::size_t>(first_))));
    if (last_ > 0 && (last_ <= first_ || last_ > layers))
        context.fail("last = " + std::to_string(last_) + " is not behind first and within the " +
                     std::to_string(layers) + " layers of the encoder");
    range_.first = static_cast<std::size_t>(first_);
    if (last_ > 0) range_.last = static_cast<std::size_t>(last_);
    const bool whole = last_ == 0 || last_ == layers;
    gaussian_ = model.gaussian() && whole;
    const bool training = context.mode() == Mode::train;
    const auto rows = static_cast<std::size_t>(shape[0]);
    const Shape code = whole ? model.code_shape() : model.encoder().input_of(range_.last);
    const Shape codes = code.with_batch(shape[0]);
    code_ = static_cast<std::size_t>(code.elements());
    context.set_shape("z", codes);
    workspace_ = context.reserve(model.encoder().workspace_bytes(rows, training));
    if (!gaussian_) {
        context.disable("mean");
        context.disable("log_variance");
        context.disable("draws");
        return;
    }
    context.set_shape("mean", codes);
    context.set_shape("log_variance", codes);
    if (draws_ > 0)
        context.set_shape("draws", many(shape[0], draws_, code));
    else
        context.disable("draws");
    raw_ = context.reserve(2 * rows * code_ * sizeof(float));
    gradient_ = context.reserve(training ? 2 * rows * code_ * sizeof(float) : 0);
    noise_ = context.reserve(rows * code_ * sizeof(float));
    deviation_ = context.reserve(rows * code_ * sizeof(float));
}

bool Encode::samples(const Context& context) const {
    if (sample_ != "auto") return sample_ == "always";
    return context.place().phase != Phase::streaming;
}

void Encode::process(Context& context) {
    auto& model = autoencoder(context.model());
    float* to = gaussian_ ? floats(context, raw_) : context.out("z").data;
    if (to == nullptr) return;
    model.encoder().forward(pass_of(context), context.workspace(workspace_).data(),
                            context.in("x").data, to, false, range_);
    if (gaussian_) draw(context);
}

std::string Encode::first_not_finite(Context& context) {
    const float* codes = gaussian_ ? floats(context, raw_) : context.out("z").data;
    return autoencoder(context.model())
        .encoder()
        .first_not_finite("encoder", pass_of(context), context.workspace(workspace_).data(), codes,
                          range_);
}

void Encode::draw(Context& context) {
    const float* raw = floats(context, raw_);
    float *noise = floats(context, noise_), *deviation = floats(context, deviation_);
    const Tensor<float> z = context.out("z"), mean = context.out("mean"),
                        log_variance = context.out("log_variance");
    float* many_draws = draws_ > 0 ? context.out("draws").data : nullptr;
    const bool drawn = samples(context);
    const std::uint32_t epoch =
        context.place().phase == Phase::training ? context.place().epoch : 0;
    const std::span<const std::int64_t> ids = context.sample_ids();
    context.loop().each(ids.size(), [&](std::size_t row) {
        const float *m = raw + row * 2 * code_, *v = m + code_;
        float *e = noise + row * code_, *s = deviation + row * code_;
        for (std::size_t i = 0; i < code_; ++i) s[i] = std::clamp(v[i], lowest, highest);
        if (mean.data) std::copy_n(m, code_, mean.data + row * code_);
        if (log_variance.data) std::copy_n(s, code_, log_variance.data + row * code_);
        if (!drawn && z.data) std::copy_n(m, code_, z.data + row * code_);
        if (!drawn && many_draws == nullptr) return;
        const auto normal = [&](float* to, std::size_t count) {
            simd::kernels().normal({context.key().seed, context.key().node ^ draws, epoch,
                                    static_cast<std::uint64_t>(ids[row])},
                                   0, to, count);
        };
        simd::kernels().scale(0.5f, s, code_);
        simd::kernels().exponential(s, s, code_);
        if (drawn) {
            normal(e, code_);
            if (z.data)
                for (std::size_t i = 0; i < code_; ++i)
                    z.data[row * code_ + i] = m[i] + s[i] * e[i];
        }
        if (many_draws == nullptr) return;
        const std::size_t count = static_cast<std::size_t>(draws_) * code_;
        float* to = many_draws + row * count;
        normal(to, count);
        for (std::size_t i = 0; i < count; ++i) to[i] = m[i % code_] + s[i % code_] * to[i];
    });
}

void Encode::backward(Context& context) {
    auto& model = autoencoder(context.model());
    const Tensor<float> dz = context.take_gradient_of("z");
    float* gradient = dz.data;
    const float* y = nullptr;
    if (gaussian_) {
        const Tensor<const float> dm = context.gradient_of("mean"),
                                  dv = context.gradient_of("log_variance");
        if (!dz.data && !dm.data && !dv.data) return;
        const float *raw = floats(context, raw_), *noise = floats(context, noise_),
                    *deviation = floats(context, deviation_);
        gradient = floats(context, gradient_);
        y = raw;
        const bool drawn = samples(context);
        for (std::size_t row = 0; row < static_cast<std::size_t>(context.place().count); ++row)
            for (std::size_t i = 0; i < code_; ++i) {
                const std::size_t at = row * code_ + i, to = row * 2 * code_ + i;
                const float g = dz.data ? dz.data[at] : 0.0f, v = raw[to + code_];
                gradient[to] = g + (dm.data ? dm.data[at] : 0.0f);
                const float along = drawn ? 0.5f * g * noise[at] * deviation[at] : 0.0f;
                gradient[to + code_] =
                    v < lowest || v > highest ? 0.0f : along + (dv.data ? dv.data[at] : 0.0f);
            }
    } else {
        y = context.out("z").data;
    }
    if (gradient == nullptr) return;
    model.encoder().backward(pass_of(context), context.workspace(workspace_).data(),
                             context.in("x").data, y, gradient, context.gradient_for("x").data,
                             false, range_);
}

}  // namespace narrows::plugins
