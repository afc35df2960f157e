#include "plugins/penalty/contractive.hpp"

#include <algorithm>

namespace narrows::plugins {
namespace {

using simd::Activation;

// The dense layer that is the whole encoder, or null.
layers::Dense* only_layer(Model* bound) {
    model::Stack& encoder = autoencoder(bound).encoder();
    if (encoder.size() != 1) return nullptr;
    auto* dense = dynamic_cast<layers::Dense*>(&encoder.layer(0));
    // gelu's derivative cannot be told from its value.
    const bool known = dense && !simd::derivative_needs_input(*dense->activation());
    return known ? dense : nullptr;
}

// f''(a) / f'(a) as a function of h = f(a); f'' = 0 where f is straight.
float bend(Activation act, float h, float slope) {
    switch (act) {
        case Activation::sigmoid:
            return 1 - 2 * h;
        case Activation::tanh:
            return -2 * h;
        case Activation::softplus:  // f' = sigmoid(a), f'' = f' (1 - f')
            return 1 - slope;
        case Activation::elu:
        case Activation::selu:  // f' = h + scale, f'' = f'
            return h > 0 ? 0.0f : 1.0f;
        default:
            return 0;
    }
}

template <class T>
T* part(Context& context, std::size_t handle) {
    return reinterpret_cast<T*>(context.workspace(handle).data());
}

}  // namespace

void Contractive::describe(Schema& schema) {
    schema
        .summary(
            "Squared norm of the Jacobian of an encoder of one dense layer, exact "
            "(Rifai et al. 2011).")
        .threads(Threads::parallel)
        .binds_model()
        .in("h", "f32[batch, ...]", "the encoder's output, encode's z")
        .out("value", "scalar", "weight times the squared Frobenius norm, mean over the batch")
        .number<&Contractive::weight_>("weight", 0.1, 0, 1e9, "factor of the penalty");
}

void Contractive::open(OpenContext& context) {
    const layers::Dense* layer = only_layer(context.model());
    const Shape h = context.shape("h");
    if (layer == nullptr)
        context.fail(
            "the exact Jacobian needs an encoder of one dense layer, whose activation is "
            "not gelu; this one is " +
                autoencoder(context.model()).encoder().describe(),
            "use penalty.contractive_estimate, which takes any encoder");
    if (h.sample().elements() != autoencoder(context.model()).encoder().output().elements())
        context.fail("h has shape " + to_string(h.sample()) + " but the encoder gives " +
                     to_string(autoencoder(context.model()).encoder().output()));
    const auto units = static_cast<std::size_t>(h.sample().elements());
    const auto rows = static_cast<std::size_t>(h[0]);
    squares_ = context.reserve(units * sizeof(float));
    slopes_ = context.reserve(rows * units * sizeof(float));
    sums_ = context.reserve((rows + units) * sizeof(double));
}

void Contractive::process(Context& context) {
    const layers::Dense& layer = *only_layer(context.model());
    const Tensor<const float> h = context.in("h");
    const auto units = static_cast<std::size_t>(h.row_size());
    const auto count = static_cast<std::size_t>(context.place().count);
    auto* squares = part<float>(context, squares_);
    auto* slopes = part<float>(context, slopes_);
    auto* rows = part<double>(context, sums_);
    layer.unit_norms(context.loop(), squares);
    context.loop().each(count, [&](std::size_t r) {
        float* slope = slopes + r * units;
        std::fill_n(slope, units, 1.0f);
        simd::kernels().activation_gradient(*layer.activation(), layer.alpha(), h.data + r * units,
                                            slope, slope, units);
        double sum = 0;
        for (std::size_t j = 0; j < units; ++j) {
            const double f = slope[j];
            sum += f * f * squares[j];
        }
        rows[r] = sum;
    });
    double sum = 0;
    for (std::size_t r = 0; r < count; ++r) sum += rows[r];
    context.set_scalar("value", weight_ * sum / static_cast<double>(count));
    context.metric("jacobian_norm", sum, static_cast<double>(count));
}

// By W: 2 f'^2 W_j, which the layer adds to its own gradient, and through f', which goes the way of
// the codes: d/dh = 2 f'' |W_j|^2.
void Contractive::backward(Context& context) {
    layers::Dense& layer = *only_layer(context.model());
    const Tensor<const float> h = context.in("h");
    const Tensor<float> dh = context.gradient_for("h");
    const auto units = static_cast<std::size_t>(h.row_size());
    const auto count = static_cast<std::size_t>(context.place().count);
    const auto* squares = part<float>(context, squares_);
    const auto* slopes = part<float>(context, slopes_);
    const double scale =
        2 * weight_ * context.scalar_gradient("value") / static_cast<double>(count);
    double* sums = part<double>(context, sums_) + count;
    std::fill_n(sums, units, 0.0);
    for (std::size_t r = 0; r < count; ++r)
        for (std::size_t j = 0; j < units; ++j) {
            const double slope = slopes[r * units + j];
            sums[j] += slope * slope;
        }
    layer.pull(std::span<const double>(sums, units), scale);
    if (dh.data == nullptr) return;
    const auto step = static_cast<float>(scale);
    const Activation act = *layer.activation();
    context.loop().each(count, [&](std::size_t r) {
        for (std::size_t j = 0; j < units; ++j) {
            const std::size_t i = r * units + j;
            dh.data[i] = step * bend(act, h.data[i], slopes[i]) * slopes[i] * squares[j];
        }
    });
}

void ContractiveEstimate::describe(Schema& schema) {
    schema
        .summary(
            "Squared norm of an encoder's Jacobian, estimated: how far codes move when samples "
            "move "
            "a little (Alain and Bengio 2014).")
        .threads(Threads::parallel)
        .in("h", "f32[batch, ...]", "codes of the samples")
        .in("moved", "f32[batch, ...]",
            "codes, by a second encode, of the samples behind corrupt.gaussian")
        .out("value", "scalar", "weight times |moved - h|^2 / sigma^2, mean over the batch")
        .out("per_sample", "f32[batch]", "|moved - h|^2 / sigma^2 of each sample")
        .number<&ContractiveEstimate::weight_>("weight", 0.1, 0, 1e9, "factor of the penalty")
        .number<&ContractiveEstimate::sigma_>(
            "sigma", 0.01, 1e-6, 1e6, "deviation of that corruption, the same there", "data units");
}

void ContractiveEstimate::open(OpenContext& context) {
    const Shape h = context.shape("h"), moved = context.shape("moved");
    if (h.elements() != moved.elements())
        context.fail("h has shape " + to_string(h) + " but moved has " + to_string(moved));
    context.set_shape("per_sample", Shape{h[0]});
    rows_ = context.reserve(static_cast<std::size_t>(h[0]) * sizeof(double));
}

void ContractiveEstimate::process(Context& context) {
    const Tensor<const float> h = context.in("h"), moved = context.in("moved");
    const auto count = static_cast<std::size_t>(context.place().count);
    const auto units = static_cast<std::size_t>(h.row_size());
    auto* rows = part<double>(context, rows_);
    context.loop().each(count, [&](std::size_t r) {
        rows[r] =
            simd::kernels().squared_distance(moved.data + r * units, h.data + r * units, units) /
            (sigma_ * sigma_);
    });
    double sum = 0;
    for (std::size_t r = 0; r < count; ++r) sum += rows[r];
    if (context.wanted("per_sample")) {
        const Tensor<float> out = context.out("per_sample");
        for (std::size_t r = 0; r < count; ++r) out.data[r] = static_cast<float>(rows[r]);
    }
    context.set_scalar("value", weight_ * sum / static_cast<double>(count));
    context.metric("jacobian_norm_estimate", sum, static_cast<double>(count));
}

void ContractiveEstimate::backward(Context& context) {
    const Tensor<float> dh = context.gradient_for("h"), dm = context.gradient_for("moved");
    const Tensor<const float> h = context.in("h");
    const float* moved = context.in("moved").data;
    const auto step =
        static_cast<float>(2 * weight_ * context.scalar_gradient("value") / (sigma_ * sigma_) /
                           static_cast<double>(context.place().count));
    for (std::int64_t i = 0; i < h.shape.elements(); ++i) {
        const float along = step * (moved[i] - h.data[i]);
        if (dh.data) dh.data[i] = -along;
        if (dm.data) dm.data[i] = along;
    }
}

}  // namespace narrows::plugins
