#include "plugins/load/generate.hpp"

#include <algorithm>

#include "pipeline/simd/kernels.hpp"
#include "plugins/load/scaling.hpp"

namespace narrows::plugins {
namespace {

constexpr std::int64_t rows_for_scaling = 1024;

}  // namespace

void Generate::describe(Schema& schema) {
    schema.summary("Make procedural samples: the same for the same seed, of any number.")
        .threads(Threads::parallel)
        .source()
        .out("x", "f32[batch, ...]", "samples")
        .out("labels", "i64[batch]", "their classes")
        .choice<&Generate::kind_>("kind", "digits", "digits|waves|fields|blobs", "what is made")
        .integer<&Generate::samples_>("samples", 1000, 1, std::int64_t{1} << 48, "how many",
                                      "samples")
        .integer<&Generate::batch_>("batch", 128, 1, 1 << 24, "samples in a packet", "samples")
        .flag<&Generate::shuffle_>("shuffle", false, "training: another order each epoch")
        .choice<&Generate::scale_>(
            "scale", "auto", "auto|none|unit",
            "auto: digits to [0, 1] where a model reads them, all else as it is");
}

void Generate::open(OpenContext& context) {
    layout_ = datasets::generated_layout(kind_);
    seed_ = context.key().seed;
    context.stream(samples_, std::min(batch_, samples_));
    context.set_shape("x", layout_.sample.with_batch(context.batch()));
    context.set_shape("labels", Shape{context.batch()}, Type::i64);
    stored_ =
        context.reserve(static_cast<std::size_t>(context.batch() * layout_.sample.elements()) *
                        storage::size_of(layout_.type));
    order_.emplace(context.key(), samples_, 4096, 65536);
    auto* model = dynamic_cast<model::Autoencoder*>(context.downstream_model());
    if (model == nullptr && scale_ == "auto") return;
    if (model != nullptr && model->scaling()) {
        if (scale_ != "none") scaling_ = model->scaling();
        return;
    }
    datasets::Summary summary;
    summary.type = layout_.type;
    summary.sample = layout_.sample;
    if (layout_.type == storage::Numeric::u8) summary.high = 255;
    scaling_ = fit_scaling(scale_, summary);
    if (layout_.type != storage::Numeric::u8) scaling_->low = scaling_->high = {};
    if (model != nullptr && context.mode() == Mode::train) model->set_scaling(*scaling_);
}

void Generate::process(Context& context) {
    const Context::Place& place = context.place();
    const std::span<std::int64_t> ids = context.sample_ids();
    if (shuffle_ && place.phase == Phase::training)
        order_->rows(place.epoch, place.first, ids);
    else
        for (std::size_t i = 0; i < ids.size(); ++i)
            ids[i] = place.first + static_cast<std::int64_t>(i);
    const auto features = static_cast<std::size_t>(layout_.sample.elements());
    const std::size_t bytes = features * storage::size_of(layout_.type);
    std::byte* stored = context.workspace(stored_).data();
    const Tensor<float> x = context.out("x");
    const Tensor<std::int64_t> labels = context.out<std::int64_t>("labels");
    for (std::size_t i = 0; i < ids.size(); ++i) {
        std::int64_t label = 0;
        datasets::generate(kind_, seed_, ids[i], 1, stored + i * bytes, &label);
        if (labels.data) labels.data[i] = label;
    }
    if (x.data == nullptr) return;
    if (layout_.type == storage::Numeric::u8)
        simd::kernels().from_u8(reinterpret_cast<const std::uint8_t*>(stored), 1.0f, x.data,
                                ids.size() * features);
    else
        std::copy_n(reinterpret_cast<const float*>(stored), ids.size() * features, x.data);
    if (scaling_) apply_scaling(*scaling_, x.data, features, ids.size());
}

}  // namespace narrows::plugins
