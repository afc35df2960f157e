// What flows, compressed within a bound, and back.
#include "pipeline/plugin.hpp"
#include "plugins/codec/compress.hpp"
#include "plugins/codec/decompress.hpp"

NARROWS_PLUGIN("codec", "0.1.0", "Samples and codes compressed within a bound, and back",
               NARROWS_NODE(narrows::plugins::Compress, "codec.compress"),
               NARROWS_NODE(narrows::plugins::Decompress, "codec.decompress"))
