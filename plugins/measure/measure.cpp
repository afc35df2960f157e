// The plugin of what is known about codes once all of them are there.
#include "pipeline/plugin.hpp"
#include "plugins/measure/probe.hpp"
#include "plugins/measure/recall.hpp"

NARROWS_PLUGIN("measure", "0.1.0", "How good codes and reconstructions are",
               NARROWS_NODE(narrows::plugins::MeasureProbe, "measure.probe"),
               NARROWS_NODE(narrows::plugins::MeasureRecall, "measure.recall"))
