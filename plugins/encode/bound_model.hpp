// The autoencoder that a node binds, and one packet as the layers want to see it.
#pragma once

#include "pipeline/model/autoencoder.hpp"

namespace narrows::plugins {

inline model::Autoencoder& autoencoder(Model* bound) {
    auto* model = dynamic_cast<model::Autoencoder*>(bound);
    if (model == nullptr)
        throw Error(Fault::usage, "needs a model of type \"autoencoder\"",
                    "bind one with model = \"NAME\"");
    return *model;
}

inline layers::Pass pass_of(Context& context) {
    layers::Pass pass;
    pass.loop = &context.loop();
    pass.phase = context.place().phase;
    pass.key = context.key();
    pass.epoch = context.place().epoch;
    pass.sample_ids = context.sample_ids();
    pass.rows = static_cast<std::size_t>(context.place().count);
    return pass;
}

}  // namespace narrows::plugins
