// The layer types of models, as a plugin like any other.
#include "pipeline/layers/builtin.hpp"

namespace {

const narrows::PluginInfo* list() {
    return &narrows::layers::builtin_layers();
}

}  // namespace

NARROWS_PLUGIN_FROM("layers", "0.1.0", list)
