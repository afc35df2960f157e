// Every layer type that comes with narrows; plugins/layers gives them to the registry.
#pragma once

#include "pipeline/plugin.hpp"

namespace narrows::layers {

NARROWS_PUBLIC const PluginInfo& builtin_layers();

}  // namespace narrows::layers
