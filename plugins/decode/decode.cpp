// decode: z -> x, the decoder half of a model. Where the last activation is a sigmoid, the values
// before it are offered as `logits`: a loss that reads them skips the sigmoid and its gradient.
#include <algorithm>

#include "pipeline/plugin.hpp"
#include "plugins/decode/interpolate.hpp"
#include "plugins/decode/mixture.hpp"
#include "plugins/decode/prior.hpp"
#include "plugins/encode/bound_model.hpp"

namespace {

using narrows::Context;
using narrows::OpenContext;
using narrows::Shape;
using narrows::Tensor;
using narrows::plugins::autoencoder;
using narrows::plugins::pass_of;
using narrows::simd::Activation;

class Decode final : public narrows::Node, public narrows::FindsNotFinite {
public:
    static void describe(narrows::Schema& schema) {
        schema.summary("Map codes back to samples with a model's decoder.")
            .threads(narrows::Threads::parallel)
            .binds_model()
            .in("z", "f32[batch, ...]", "codes")
            .out("x", "f32[batch, ...]", "reconstructions, in scaled units")
            .integer<&Decode::first_>(
                "first", 0, 0, 1 << 20,
                "the decoder's layer that z goes into; those before it are left out", "layer")
            .integer<&Decode::last_>("last", 0, 0, 1 << 20,
                                     "the layer before which it ends; 0: all", "layer")
            .out("logits", "f32 like x", "before the last activation, where that is a sigmoid")
            .out("log_scale", "f32 like x",
                 "log-scales of a gaussian or laplace likelihood, where the decoder gives them");
    }

    void open(OpenContext& context) override {
        auto& model = autoencoder(context.model());
        if (!model.configured())
            context.fail("the model's input shape is not known here",
                         "put encode before decode, or state input = [...] in the model");
        const Shape shape = context.shape("z");
        auto& decoder = model.decoder();
        if (decoder.size() == 0)
            context.fail("the model has no decoder", "it encodes; it cannot give samples back");
        const auto layers = static_cast<std::int64_t>(decoder.size());
        if (last_ > 0 ? last_ <= first_ || last_ > layers : first_ > 0 && first_ >= layers)
            context.fail("layers " + std::to_string(first_) + " to " + std::to_string(last_) +
                         " of a decoder that has " + std::to_string(layers));
        range_.first = static_cast<std::size_t>(first_);
        if (last_ > 0) range_.last = static_cast<std::size_t>(last_);
        const Shape code = first_ > 0 ? decoder.input_of(range_.first) : model.code_shape();
        if (shape.sample().elements() != code.elements())
            context.fail("codes have shape " + to_string(shape.sample()) +
                         " but the model's code is " + to_string(code));
        // All of it gives as many values as a sample has: see configure().
        const bool whole = last_ == 0 || last_ == layers;
        const Shape out =
            (whole ? model.output_shape() : decoder.input_of(range_.last)).with_batch(shape[0]);
        context.set_shape("x", out);
        const std::size_t end = std::min(range_.last, decoder.size());
        const bool training = context.mode() == narrows::Mode::train;
        const auto rows = static_cast<std::size_t>(shape[0]);
        scaled_ = whole && model.learned_scale();
        if (scaled_) {
            context.set_shape("log_scale", out);
            const auto both = 2 * static_cast<std::size_t>(out.elements()) * sizeof(float);
            raw_ = context.reserve(both);
            gradient_ = context.reserve(training ? both : 0);
        } else {
            context.disable("log_scale");
        }
        sigmoid_ =
            !scaled_ && end > 0 && decoder.layer(end - 1).activation() == Activation::sigmoid;
        if (sigmoid_)
            context.set_shape("logits", out);
        else
            context.disable("logits");
        workspace_ = context.reserve(decoder.workspace_bytes(rows, training));
    }

    void process(Context& context) override {
        auto& decoder = autoencoder(context.model()).decoder();
        std::byte* workspace = context.workspace(workspace_).data();
        const float* z = context.in("z").data;
        if (scaled_) {
            decoder.forward(pass_of(context), workspace, z, floats(context, raw_), false, range_);
            split(context);
            return;
        }
        if (!reads_logits(context)) {
            decoder.forward(pass_of(context), workspace, z, context.out("x").data, false, range_);
            return;
        }
        const Tensor<float> logits = context.out("logits");
        decoder.forward(pass_of(context), workspace, z, logits.data, true, range_);
        if (!context.wanted("x")) return;
        const Tensor<float> x = context.out("x");
        context.loop().each(static_cast<std::size_t>(context.place().count), [&](std::size_t r) {
            const auto row = static_cast<std::int64_t>(r);
            narrows::simd::kernels().activate(Activation::sigmoid, 0, logits.row(row), x.row(row),
                                              static_cast<std::size_t>(x.row_size()));
        });
    }

    std::string first_not_finite(Context& context) override {
        const float* out = scaled_                 ? floats(context, raw_)
                           : reads_logits(context) ? context.out("logits").data
                                                   : context.out("x").data;
        return autoencoder(context.model())
            .decoder()
            .first_not_finite("decoder", pass_of(context), context.workspace(workspace_).data(),
                              out, range_);
    }

    void backward(Context& context) override {
        auto& decoder = autoencoder(context.model()).decoder();
        std::byte* workspace = context.workspace(workspace_).data();
        const float* z = context.in("z").data;
        float* dz = context.gradient_for("z").data;
        if (scaled_) {
            float* both = join_gradients(context);
            if (both != nullptr)
                decoder.backward(pass_of(context), workspace, z, floats(context, raw_), both, dz,
                                 false, range_);
            return;
        }
        Tensor<float> dx = context.take_gradient_of("x");
        if (!reads_logits(context)) {
            if (dx.data == nullptr) return;
            decoder.backward(pass_of(context), workspace, z, context.out("x").data, dx.data, dz,
                             false, range_);
            return;
        }
        Tensor<float> dlogits = context.take_gradient_of("logits");
        if (dx.data != nullptr) {  // both were read: carry x's part through the sigmoid, then add
            const Tensor<float> x = context.out("x");
            context.loop().each(
                static_cast<std::size_t>(context.place().count), [&](std::size_t r) {
                    const auto row = static_cast<std::int64_t>(r);
                    const auto n = static_cast<std::size_t>(x.row_size());
                    narrows::simd::kernels().activation_gradient(Activation::sigmoid, 0, x.row(row),
                                                                 dx.row(row), dx.row(row), n);
                    if (dlogits.data != nullptr)
                        narrows::simd::kernels().add(dx.row(row), dlogits.row(row), n);
                });
            if (dlogits.data == nullptr) dlogits = dx;
        }
        if (dlogits.data == nullptr) return;
        decoder.backward(pass_of(context), workspace, z, context.out("logits").data, dlogits.data,
                         dz, true, range_);
    }

private:
    static float* floats(Context& context, std::size_t handle) {
        return reinterpret_cast<float*>(context.workspace(handle).data());
    }
    // Rows of means and log-scales, side by side in the decoder's output, into tensors of their
    // own.
    void split(Context& context) const {
        const float* raw = floats(context, raw_);
        const Tensor<float> x = context.out("x"), log_scale = context.out("log_scale");
        const auto n = static_cast<std::size_t>(x.row_size());
        for (std::int64_t r = 0; r < context.place().count; ++r, raw += 2 * n) {
            if (x.data != nullptr) std::copy_n(raw, n, x.row(r));
            if (log_scale.data != nullptr) std::copy_n(raw + n, n, log_scale.row(r));
        }
    }
    // The reverse for what came back; null: nothing did.
    float* join_gradients(Context& context) const {
        const Tensor<const float> dx = context.gradient_of("x"),
                                  dscale = context.gradient_of("log_scale");
        if (dx.data == nullptr && dscale.data == nullptr) return nullptr;
        float* both = floats(context, gradient_);
        const auto n = static_cast<std::size_t>(context.out("x").row_size());
        for (std::int64_t r = 0; r < context.place().count; ++r) {
            float* to = both + 2 * n * static_cast<std::size_t>(r);
            if (dx.data != nullptr)
                std::copy_n(dx.row(r), n, to);
            else
                std::fill_n(to, n, 0.0f);
            if (dscale.data != nullptr)
                std::copy_n(dscale.row(r), n, to + n);
            else
                std::fill_n(to + n, n, 0.0f);
        }
        return both;
    }
    bool reads_logits(Context& context) const { return sigmoid_ && context.wanted("logits"); }
    std::int64_t first_ = 0, last_ = 0;
    narrows::model::LayerRange range_;
    std::size_t workspace_ = 0, raw_ = 0, gradient_ = 0;
    bool sigmoid_ = false, scaled_ = false;
};

}  // namespace

NARROWS_PLUGIN("decode", "0.1.0", "Decoders, and codes to feed them",
               NARROWS_NODE(Decode, "decode"),
               NARROWS_NODE(narrows::plugins::SamplePrior, "sample.prior"),
               NARROWS_NODE(narrows::plugins::SampleMixture, "sample.mixture"),
               NARROWS_NODE(narrows::plugins::SampleInterpolate, "sample.interpolate"))
