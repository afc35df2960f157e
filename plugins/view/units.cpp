#include "plugins/view/units.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/layers/convolution.hpp"

namespace narrows::plugins {
namespace {

// Layers that leave each value in its place: a weight behind them still belongs to one of the
// sample's values.
bool keeps_places(const std::string& type) {
    return type == "normalise" || type == "dropout" || type == "flatten" || type == "reshape" ||
           type == "activation";
}

// The shape of one unit's weights as a picture; empty: they are none.
Shape picture_of_weights(const model::Autoencoder& model, std::size_t layer) {
    const model::Stack& encoder = model.encoder();
    for (std::size_t i = 0; i < layer; ++i)
        if (!keeps_places(encoder.spec(i).type)) return {};
    const std::string& type = encoder.spec(layer).type;
    if (model::weight_of(encoder.layer(layer)) == nullptr) return {};
    if (type == "dense") return model.input_shape();
    const auto* convolution = dynamic_cast<const layers::Convolution*>(&encoder.layer(layer));
    if (convolution == nullptr || (type != "conv" && type != "conv1d")) return {};
    const layers::Windows& windows = convolution->windows();
    const std::int64_t channels = windows.channels / windows.groups;
    if (type == "conv1d") return {windows.columns.kernel, channels};
    if (channels != 1 && channels != 3) return {};
    return {windows.rows.kernel, windows.columns.kernel, channels};
}

}  // namespace

void ViewUnits::describe(Schema& schema) {
    schema.summary("What each unit responds to: its weights, or the input that excites it most.")
        .threads(Threads::serial)
        .source()
        .binds_model()
        .out("x", "f32[batch, ...]",
             "one sample a unit: weights of a layer that reads the sample; else by gradient ascent "
             "the change of the mean sample that excites it most (Erhan et al. 2009)")
        .text<&ViewUnits::layer_name_>("layer", "",
                                       "encoder.0, ..., or code; empty: the first with weights")
        .choice<&ViewUnits::method_>("method", "auto", "auto|weights|ascent",
                                     "auto: weights where those are pictures")
        .integer<&ViewUnits::count_>("count", 64, 1, 1 << 20, "the first so many units", "units")
        .integer<&ViewUnits::steps_>("steps", 64, 1, 1 << 20, "ascent: steps", "steps")
        .integer<&ViewUnits::starts_>("starts", 4, 1, 1 << 10,
                                      "ascent: random starts, the best end counts")
        .integer<&ViewUnits::batch_>("batch", 16, 1, 1 << 20, "units in a packet", "units");
}

void ViewUnits::open(OpenContext& context) {
    model_ = dynamic_cast<const model::Autoencoder*>(context.model());
    if (model_ == nullptr) context.fail("needs a model of type \"autoencoder\"");
    if (context.mode() != Mode::stream) context.fail("needs mode = \"stream\"");
    if (!model_->configured())
        context.fail("the model's shapes are not known here", "bind a trained model");
    const model::Stack& encoder = model_->encoder();
    if (encoder.size() == 0) context.fail("the model's encoder has no layers");
    layer_ = model::encoder_layer(*model_, layer_name_);
    const Shape weights = picture_of_weights(*model_, layer_);
    if (method_ == "weights" && weights.rank() == 0)
        context.fail(fmt::format("the weights of encoder.{} ({}) are no pictures of samples",
                                 layer_, encoder.layer(layer_).describe()),
                     "use method = \"ascent\", or the first layer");
    units_ = model::units_of(*model_, layer_).count;
    const auto count = std::min(count_, static_cast<std::int64_t>(units_));
    context.stream(count, std::min(batch_, count));
    const bool by_weights = method_ != "ascent" && weights.rank() > 0;
    const Shape shape = by_weights ? weights : model_->input_shape();
    context.set_shape("x", shape.with_batch(context.batch()));
    if (by_weights) {
        const layers::Parameter& parameter = *model::weight_of(encoder.layer(layer_));
        const auto values = parameter.values();
        weights_.assign(values.begin(), values.end());
        units_ = static_cast<std::size_t>(parameter.shape()[1]);
        context.hold(weights_.size() * sizeof(float));
        return;
    }
    ascent_ = model::ascent_within_data(*model_, layer_);
    ascent_->steps = static_cast<std::size_t>(steps_);
    ascent_->starts = static_cast<std::size_t>(starts_);
    ascent_->key = context.key();
    const auto rows = static_cast<std::uint64_t>(context.batch() * starts_);
    std::uint64_t floats = 4 * static_cast<std::uint64_t>(shape.elements());
    for (std::size_t i = 0; i <= layer_; ++i)
        floats += 2 * static_cast<std::uint64_t>(encoder.input_of(i + 1).elements()) +
                  encoder.layer(i).workspace_bytes(static_cast<std::size_t>(rows), true) /
                      (rows * sizeof(float));
    context.hold(rows * floats * sizeof(float));
}

void ViewUnits::start(RunContext& run) {
    run.result("layer", fmt::format("encoder.{} ({}), {} units", layer_,
                                    model_->encoder().layer(layer_).describe(), units_));
    if (ascent_)
        run.result("method",
                   fmt::format("gradient ascent, at distance {:.4g} from {}", ascent_->radius,
                               ascent_->centre.empty() ? "zero" : "the data's mean"));
    else
        run.result("method", "weights");
}

void ViewUnits::process(Context& context) {
    const Tensor<float> x = context.out("x");
    const Context::Place& place = context.place();
    const std::span<std::int64_t> ids = context.sample_ids();
    for (std::size_t i = 0; i < ids.size(); ++i)
        ids[i] = place.first + static_cast<std::int64_t>(i);
    if (x.data == nullptr) return;
    const auto first = static_cast<std::size_t>(place.first);
    const auto count = static_cast<std::size_t>(place.count);
    if (ascent_) {
        model::maximise_activation(*model_, context.loop(), *ascent_, first, count, x.data);
        return;
    }
    const auto values = static_cast<std::size_t>(x.row_size());
    for (std::size_t unit = 0; unit < count; ++unit)
        for (std::size_t i = 0; i < values; ++i)
            x.data[unit * values + i] = weights_[i * units_ + first + unit];
}

}  // namespace narrows::plugins
