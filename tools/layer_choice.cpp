#include "tools/layer_choice.hpp"

#include <fmt/format.h>

#include "pipeline/model/activation_maximisation.hpp"
#include "tools/console.hpp"

namespace narrows::tools {

LayerChoice choose_layer(const std::string& file, const std::string& layer, const Common& common,
                         const registry::Registry& registry) {
    model::Autoencoder model;
    ModelSpec spec;
    spec.name = "ae";
    spec.file = file;
    model.build(spec, registry, 1);
    const std::size_t index = model::encoder_layer(model, layer);
    say(common, fmt::format("layer         encoder.{} ({})", index,
                            model.encoder().layer(index).describe()));
    return {static_cast<std::int64_t>(index) + 1, index + 1 == model.encoder().size()};
}

}  // namespace narrows::tools
