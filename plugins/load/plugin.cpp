// Where samples come from.
#include "pipeline/plugin.hpp"
#include "plugins/load/generate.hpp"
#include "plugins/load/load.hpp"

NARROWS_PLUGIN("load", "0.1.0", "Samples from files, and made ones",
               NARROWS_NODE(narrows::plugins::Load, "load"),
               NARROWS_NODE(narrows::plugins::Generate, "generate"))
