// Encoders, and what their codes look like.
#include "pipeline/plugin.hpp"
#include "plugins/encode/below.hpp"
#include "plugins/encode/encode_int8.hpp"
#include "plugins/encode/encode_node.hpp"
#include "plugins/encode/importance.hpp"
#include "plugins/encode/measure_latent.hpp"
#include "plugins/encode/measure_units.hpp"

NARROWS_PLUGIN("encode", "0.1.0", "Encoders, and what their codes look like",
               NARROWS_MODEL(narrows::model::Autoencoder, "autoencoder"),
               NARROWS_NODE(narrows::plugins::Encode, "encode"),
               NARROWS_NODE(narrows::plugins::EncodeBelow, "encode.below"),
               NARROWS_NODE(narrows::plugins::EncodeInt8, "encode.int8"),
               NARROWS_NODE(narrows::plugins::MeasureUnits, "measure.units"),
               NARROWS_NODE(narrows::plugins::MeasureLatent, "measure.latent"),
               NARROWS_NODE(narrows::plugins::MeasureImportance, "measure.importance"))
