// Every layer type that comes with narrows; the command adds them to its registry like a plugin.
#pragma once

#include "pipeline/plugin.hpp"

namespace narrows::layers {

NARROWS_PUBLIC const PluginInfo& builtin_layers();

}  // namespace narrows::layers
