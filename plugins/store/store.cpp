// The plugin of everything that is written.
#include "pipeline/plugin.hpp"
#include "plugins/store/checkpoint.hpp"
#include "plugins/store/codes.hpp"
#include "plugins/store/samples.hpp"
#include "plugins/store/scores.hpp"
#include "plugins/store/table.hpp"

NARROWS_PLUGIN("store", "0.1.0", "Codes, datasets, tables, checkpoints and models",
               NARROWS_NODE(narrows::plugins::StoreCodes, "store.codes"),
               NARROWS_NODE(narrows::plugins::StoreSamples, "store.samples"),
               NARROWS_NODE(narrows::plugins::StoreScores, "store.scores"),
               NARROWS_NODE(narrows::plugins::StoreTable, "store.table"),
               NARROWS_NODE(narrows::plugins::StoreCheckpoint, "store.checkpoint"))
