// decode: z -> x, the decoder half of a model. Where the last activation is a sigmoid, the values
// before it are offered as `logits`: a loss that reads them skips the sigmoid and its gradient.
#include "pipeline/plugin.hpp"
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

class Decode final : public narrows::Node {
public:
    static void describe(narrows::Schema& schema) {
        schema.summary("Map codes back to samples with a model's decoder.")
            .threads(narrows::Threads::parallel)
            .binds_model()
            .in("z", "f32[batch, ...]", "codes")
            .out("x", "f32[batch, ...]", "reconstructions, in scaled units")
            .out("logits", "f32 like x", "before the last activation, where that is a sigmoid");
    }

    void open(OpenContext& context) override {
        auto& model = autoencoder(context.model());
        if (!model.configured())
            context.fail("the model's input shape is not known here",
                         "put encode before decode, or state input = [...] in the model");
        const Shape shape = context.shape("z");
        if (shape.sample().elements() != model.code_shape().elements())
            context.fail("codes have shape " + to_string(shape.sample()) + " but the model's code is " +
                         to_string(model.code_shape()));
        const Shape out = model.input_shape().with_batch(shape[0]);   // as many values: see configure()
        context.set_shape("x", out);
        auto& decoder = model.decoder();
        sigmoid_ = decoder.size() > 0 &&
                   decoder.layer(decoder.size() - 1).activation() == Activation::sigmoid;
        if (sigmoid_) context.set_shape("logits", out);
        else context.disable("logits");
        workspace_ = context.reserve(decoder.workspace_bytes(
            static_cast<std::size_t>(shape[0]), context.mode() == narrows::Mode::train));
    }

    void process(Context& context) override {
        auto& decoder = autoencoder(context.model()).decoder();
        std::byte* workspace = context.workspace(workspace_).data();
        const float* z = context.in("z").data;
        if (!reads_logits(context)) {
            decoder.forward(pass_of(context), workspace, z, context.out("x").data);
            return;
        }
        const Tensor<float> logits = context.out("logits");
        decoder.forward(pass_of(context), workspace, z, logits.data, true);
        if (!context.wanted("x")) return;
        const Tensor<float> x = context.out("x");
        context.loop().each(static_cast<std::size_t>(context.place().count), [&](std::size_t r) {
            const auto row = static_cast<std::int64_t>(r);
            narrows::simd::kernels().activate(Activation::sigmoid, 0, logits.row(row), x.row(row),
                                              static_cast<std::size_t>(x.row_size()));
        });
    }

    void backward(Context& context) override {
        auto& decoder = autoencoder(context.model()).decoder();
        std::byte* workspace = context.workspace(workspace_).data();
        const float* z = context.in("z").data;
        float* dz = context.gradient_for("z").data;
        Tensor<float> dx = context.take_gradient_of("x");
        if (!reads_logits(context)) {
            if (dx.data == nullptr) return;
            decoder.backward(pass_of(context), workspace, z, context.out("x").data, dx.data, dz);
            return;
        }
        Tensor<float> dlogits = context.take_gradient_of("logits");
        if (dx.data != nullptr) {  // both were read: carry x's part through the sigmoid, then add
            const Tensor<float> x = context.out("x");
            context.loop().each(static_cast<std::size_t>(context.place().count), [&](std::size_t r) {
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
        decoder.backward(pass_of(context), workspace, z, context.out("logits").data, dlogits.data, dz,
                         true);
    }

private:
    bool reads_logits(Context& context) const { return sigmoid_ && context.wanted("logits"); }
    std::size_t workspace_ = 0;
    bool sigmoid_ = false;
};

}  // namespace

NARROWS_PLUGIN("decode", "0.1.0", "Decoders, and codes to feed them", NARROWS_NODE(Decode, "decode"),
               NARROWS_NODE(narrows::plugins::SamplePrior, "sample.prior"))
