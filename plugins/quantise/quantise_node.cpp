#include "plugins/quantise/quantise_node.hpp"

#include <algorithm>
#include <cmath>

namespace narrows::plugins {

// With the kernels' logarithm: the same bits on every machine.
double perplexity(std::span<const double> counts) {
    double total = 0, entropy = 0;
    for (const double count : counts) total += count;
    for (const double count : counts) {
        if (count <= 0) continue;
        const double share = count / total;
        auto logarithm = static_cast<float>(share);
        simd::kernels().logarithm(&logarithm, &logarithm, 1);
        entropy -= share * logarithm;
    }
    auto out = static_cast<float>(entropy);
    simd::kernels().exponential(&out, &out, 1);
    return out;
}

layers::VectorQuantise& quantiser_of(Model* bound) {
    model::Stack& encoder = autoencoder(bound).encoder();
    auto* layer = encoder.size() == 0
                      ? nullptr
                      : dynamic_cast<layers::VectorQuantise*>(&encoder.layer(encoder.size() - 1));
    if (layer == nullptr || autoencoder(bound).gaussian())
        throw Error(Fault::usage, "the model's encoder does not end in a codebook",
                    "let its last layer be { vector_quantise = ENTRIES }");
    return *layer;
}

void Quantise::describe(Schema& schema) {
    schema
        .summary(
            "Replace each vector of a code by the nearest entry of the model's codebook "
            "(van den Oord et al. 2017).")
        .threads(Threads::parallel)
        .binds_model()
        .in("x", "f32[batch, ...]",
            "what the encoder gives before its last layer, vector_quantise: encode with last = "
            "that "
            "layer's number")
        .out("z", "f32 like x", "quantised codes; their gradient goes straight through to x")
        .out("indices", "i32[batch, ...]", "which entry each vector became")
        .out(
            "value", "scalar",
            "beta times the sum of |x - entry|^2 over a sample's vectors, mean over the batch; the "
            "same once more where entries learn by gradient")
        .number<&Quantise::beta_>("beta", 0.25, 0, 1e9,
                                  "weight of the commitment: x is pulled to its entry");
}

void Quantise::open(OpenContext& context) {
    auto& encoder = autoencoder(context.model()).encoder();
    const layers::VectorQuantise& layer = quantiser_of(context.model());
    if (!encoder.configured())
        context.fail("the model's input shape is not known here",
                     "put encode before quantise, or state input = [...] in the model");
    const Shape x = context.shape("x");
    if (x.sample().elements() != encoder.output().elements())
        context.fail(
            "x has shape " + to_string(x.sample()) + " but the codebook's layer takes " +
                to_string(encoder.output()),
            "end encode before the last layer: last = " + std::to_string(encoder.size() - 1));
    range_ = {encoder.size() - 1, encoder.size()};
    context.set_shape("z", encoder.output().with_batch(x[0]));
    Shape places{x[0]};  // [batch, rows, columns] of pictures, [batch, n] of vectors
    const Shape& code = encoder.output();
    if (code.rank() > 1 && static_cast<std::size_t>(code[code.rank() - 1]) == layer.size())
        for (std::size_t axis = 0; axis + 1 < code.rank(); ++axis) places.push_back(code[axis]);
    else
        places.push_back(static_cast<std::int64_t>(layer.positions()));
    context.set_shape("indices", places, Type::i32);
    const auto rows = static_cast<std::size_t>(x[0]);
    workspace_ = context.reserve(layer.workspace_bytes(rows, true));
    z_ = context.reserve(rows * static_cast<std::size_t>(code.elements()) * sizeof(float));
    rows_ = context.reserve(rows * sizeof(double));
}

void Quantise::process(Context& context) {
    auto& encoder = autoencoder(context.model()).encoder();
    std::byte* const workspace = context.workspace(workspace_).data();
    float* z = context.out("z").data;
    if (z == nullptr) z = reinterpret_cast<float*>(context.workspace(z_).data());
    const float* x = context.in("x").data;
    encoder.forward(pass_of(context), workspace, x, z, false, range_);
    const std::int32_t* index = layers::VectorQuantise::indices(workspace);
    if (context.wanted("indices")) {
        const Tensor<std::int32_t> out = context.out<std::int32_t>("indices");
        std::copy_n(index, out.shape.elements(), out.data);
    }
    measure(context, x, z, index);
}

// Rows one by one, then in row order, in double.
void Quantise::measure(Context& context, const float* x, const float* z,
                       const std::int32_t* index) const {
    const layers::VectorQuantise& layer = quantiser_of(context.model());
    const auto count = static_cast<std::size_t>(context.place().count);
    const std::size_t features = layer.size() * layer.positions();
    auto* rows = reinterpret_cast<double*>(context.workspace(rows_).data());
    context.loop().each(count, [&](std::size_t r) {
        rows[r] = simd::kernels().squared_distance(x + r * features, z + r * features, features);
    });
    double sum = 0;
    for (std::size_t r = 0; r < count; ++r) sum += rows[r];
    const double samples = static_cast<double>(count);
    context.set_scalar("value", (beta_ + (layer.by_gradient() ? 1 : 0)) * sum / samples);
    if (context.place().phase == Phase::streaming) return;  // measure.codebook sees the whole
    context.metric("quantisation_error", sum, samples);
    std::vector<double> used(layer.entries());
    for (std::size_t at = 0; at < count * layer.positions(); ++at)
        used[static_cast<std::size_t>(index[at])] += 1;
    const auto entries = std::count_if(used.begin(), used.end(), [](double n) { return n > 0; });
    context.metric("perplexity", perplexity(used) * samples, samples);
    context.metric("used_entries", static_cast<double>(entries) * samples, samples);
}

// The last layer's own backward pass is the straight-through step; the commitment joins behind it.
void Quantise::backward(Context& context) {
    const Tensor<float> dx = context.gradient_for("x"), dz = context.take_gradient_of("z");
    const Tensor<const float> x = context.in("x");
    const auto values = static_cast<std::size_t>(x.shape.elements());
    const float* z = context.out("z").data;
    if (z == nullptr) z = reinterpret_cast<const float*>(context.workspace(z_).data());
    if (dz.data == nullptr && dx.data != nullptr) std::fill_n(dx.data, values, 0.0f);
    autoencoder(context.model())
        .encoder()
        .backward(pass_of(context), context.workspace(workspace_).data(), x.data, z,
                  dz.data ? dz.data : dx.data, dx.data, false, range_);
    if (dx.data == nullptr) return;
    const auto step = static_cast<float>(context.scalar_gradient("value") * 2 * beta_ /
                                         static_cast<double>(context.place().count));
    for (std::size_t i = 0; i < values; ++i) dx.data[i] += step * (x.data[i] - z[i]);
}

void MeasureCodebook::describe(Schema& schema) {
    schema.summary("Perplexity and used entries of a codebook over the whole stream.")
        .threads(Threads::ordered)
        .binds_model()
        .in("indices", "i32[batch, ...]", "which entry each vector became");
}

void MeasureCodebook::open(OpenContext& context) {
    const layers::VectorQuantise& layer = quantiser_of(context.model());
    counts_.assign(layer.entries(), 0);
    bits_ =
        static_cast<double>(layer.positions()) * std::log2(static_cast<double>(layer.entries()));
}

void MeasureCodebook::process(Context& context) {
    const Tensor<const std::int32_t> index = context.in<std::int32_t>("indices");
    for (std::int64_t at = 0; at < index.shape.elements(); ++at)
        counts_[static_cast<std::size_t>(index.data[at])] += 1;
}

void MeasureCodebook::finish(RunContext& run) {
    run.result("perplexity", perplexity(counts_));
    run.result("used_entries", static_cast<double>(std::count_if(counts_.begin(), counts_.end(),
                                                                 [](double n) { return n > 0; })));
    run.result("codebook_entries", static_cast<double>(counts_.size()));
    run.result("code_bits", bits_);  // of a sample, entries all alike
}

}  // namespace narrows::plugins
