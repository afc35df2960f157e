#include "plugins/optimize/revive.hpp"

#include <algorithm>

#include "plugins/encode/bound_model.hpp"

namespace narrows::plugins {

void Revive::describe(Schema& schema) {
    schema.summary("Count units that were 0 for a whole epoch of training, and start them anew.")
        .threads(Threads::serial)
        .binds_model()
        .updates_model()
        .in("z", "f32[batch, ...]", "the encoder's codes, or the output of its layers up to one")
        .out("done", "event", "units that were dead have new weights")
        .integer<&Revive::layer_>("layer", -1, -1, 1 << 20,
                                  "the encoder's layer whose units z shows; -1: the last that has "
                                  "weights by unit",
                                  "layer")
        .flag<&Revive::restart_>("restart", true,
                                 "dead units get new weights and no moments; false: only count")
        .number<&Revive::rest_>("rest", 0.3, 0, 1,
                                "part of the run, at its end, in which none is started anew");
}

void Revive::open(OpenContext& context) {
    if (context.mode() != Mode::train) context.fail("optimize.revive needs mode = \"train\"");
    model::Autoencoder& model = autoencoder(context.model());
    const model::Stack& encoder = model.encoder();
    const auto layers = static_cast<std::int64_t>(encoder.size());
    if (layer_ >= layers)
        context.fail("layer = " + std::to_string(layer_) + ", but the encoder has " +
                     std::to_string(layers) + " layers");
    const auto by_unit = [&](std::int64_t i) {
        return encoder.layer(static_cast<std::size_t>(i)).restart({}, {});
    };
    chosen_ = layer_;
    if (chosen_ < 0)
        for (chosen_ = layers - 1; chosen_ > 0 && !by_unit(chosen_);) --chosen_;
    const auto at = static_cast<std::size_t>(chosen_);
    if (!by_unit(chosen_))
        context.fail("encoder layer " + std::to_string(chosen_) + " (" +
                         encoder.layer(at).describe() + ") has no weights by unit",
                     "name a dense layer with layer = N");
    const std::int64_t units = context.shape("z").sample().elements();
    if (units != encoder.input_of(at + 1).elements())
        context.fail("z has " + std::to_string(units) + " values but encoder layer " +
                         std::to_string(chosen_) + " has " +
                         std::to_string(encoder.input_of(at + 1).elements()) + " units",
                     "name the layer whose output z is with layer = N");
    active_ =
        model.statistic(std::string(context.id()) + ".active", static_cast<std::size_t>(units));
    samples_ = context.samples();
    epochs_ = context.epochs();
}

// A packet's rows one after another; counts are whole numbers, exact in float.
void Revive::process(Context& context) {
    const Context::Place& place = context.place();
    if (place.phase != Phase::training) return;
    const Tensor<const float> z = context.in("z");
    constexpr std::size_t block = 256;
    context.loop().each((active_.size() + block - 1) / block, [&](std::size_t task) {
        const std::size_t first = task * block, last = std::min(active_.size(), first + block);
        for (std::int64_t r = 0; r < place.count; ++r)
            for (std::size_t unit = first; unit < last; ++unit)
                active_[unit] += z.row(r)[unit] != 0 ? 1.0f : 0.0f;
    });
    if (place.first + place.count < samples_) return;
    std::vector<std::size_t> dead;
    for (std::size_t unit = 0; unit < active_.size(); ++unit)
        if (active_[unit] == 0) dead.push_back(unit);
    std::fill(active_.begin(), active_.end(), 0.0f);
    context.metric("dead_units", static_cast<double>(dead.size()), 1);
    const double finished = place.epoch + 1.0;
    if (!restart_ || dead.empty() || finished > (1 - rest_) * epochs_) return;
    layers::Layer& layer =
        autoencoder(context.model()).encoder().layer(static_cast<std::size_t>(chosen_));
    // Another draw in each epoch.
    layer.restart(dead, {context.key().seed, context.key().node ^ (place.epoch + 1)});
}

}  // namespace narrows::plugins
