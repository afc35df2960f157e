// Vector-quantised latents: the codebook's node, and what is used of it.
#include "pipeline/plugin.hpp"
#include "plugins/quantise/quantise_node.hpp"

NARROWS_PLUGIN("quantise", "0.1.0", "Vector-quantised latents",
               NARROWS_NODE(narrows::plugins::Quantise, "quantise"),
               NARROWS_NODE(narrows::plugins::MeasureCodebook, "measure.codebook"))
