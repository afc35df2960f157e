// encode: x -> z, the encoder half of a model.
#include "plugins/encode/bound_model.hpp"
#include "plugins/encode/measure_units.hpp"
#include "pipeline/plugin.hpp"

namespace {

using narrows::Context;
using narrows::OpenContext;
using narrows::Shape;
using narrows::Tensor;
using narrows::plugins::autoencoder;
using narrows::plugins::pass_of;

class Encode final : public narrows::Node {
public:
    static void describe(narrows::Schema& schema) {
        schema.summary("Map samples to their codes with a model's encoder.")
            .threads(narrows::Threads::parallel)
            .binds_model()
            .in("x", "f32[batch, ...]", "samples, scaled as the model's training data")
            .out("z", "f32[batch, ...]", "codes");
    }

    void open(OpenContext& context) override {
        auto& model = autoencoder(context.model());
        const Shape shape = context.shape("x");
        model.configure(shape.sample());
        context.set_shape("z", model.code_shape().with_batch(shape[0]));
        workspace_ = context.reserve(model.encoder().workspace_bytes(
            static_cast<std::size_t>(shape[0]), context.mode() == narrows::Mode::train));
    }

    void process(Context& context) override {
        auto& model = autoencoder(context.model());
        model.encoder().forward(pass_of(context), context.workspace(workspace_).data(),
                                context.in("x").data, context.out("z").data);
    }

    void backward(Context& context) override {
        auto& model = autoencoder(context.model());
        const Tensor<float> dz = context.take_gradient_of("z");
        if (dz.data == nullptr) return;
        model.encoder().backward(pass_of(context), context.workspace(workspace_).data(),
                                 context.in("x").data, context.out("z").data, dz.data,
                                 context.gradient_for("x").data);
    }

private:
    std::size_t workspace_ = 0;
};

}  // namespace

NARROWS_PLUGIN("encode", "0.1.0", "Encoders, and what their codes look like",
               NARROWS_MODEL(narrows::model::Autoencoder, "autoencoder"),
               NARROWS_NODE(Encode, "encode"),
               NARROWS_NODE(narrows::plugins::MeasureUnits, "measure.units"))
