// The plugin of what is known about codes once all of them are there.
#include "pipeline/plugin.hpp"
#include "plugins/measure/probe.hpp"

NARROWS_PLUGIN("measure", "0.1.0", "How good codes are",
               NARROWS_NODE(narrows::plugins::MeasureProbe, "measure.probe"))
