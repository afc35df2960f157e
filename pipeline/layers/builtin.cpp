#include "pipeline/layers/builtin.hpp"

#include <vector>

#include "pipeline/layers/activation.hpp"
#include "pipeline/layers/centre.hpp"
#include "pipeline/layers/convolutional.hpp"
#include "pipeline/layers/dense.hpp"
#include "pipeline/layers/dropout.hpp"
#include "pipeline/layers/log_scale.hpp"
#include "pipeline/layers/norm.hpp"
#include "pipeline/layers/normalise.hpp"
#include "pipeline/layers/top_k.hpp"
#include "pipeline/layers/vector_quantise.hpp"
#include "pipeline/layers/winner_take_all.hpp"

namespace narrows::layers {

const PluginInfo& builtin_layers() {
    static const std::vector<Entry> entries = [] {
        std::vector<Entry> all = {
            NARROWS_LAYER(Dense, "dense"),
            NARROWS_LAYER(ActivationLayer, "activation"),
            NARROWS_LAYER(Dropout, "dropout"),
            NARROWS_LAYER(BatchNorm, "batch_norm"),
            NARROWS_LAYER(LayerNorm, "layer_norm"),
            NARROWS_LAYER(LogScale, "log_scale"),
            NARROWS_LAYER(Normalise, "normalise"),
            NARROWS_LAYER(TopK, "top_k"),
            NARROWS_LAYER(VectorQuantise, "vector_quantise"),
            NARROWS_LAYER(WinnerTakeAll, "winner_take_all"),
            NARROWS_LAYER(Centre, "centre"),
        };
        for (const Entry& entry : convolutional_layers()) all.push_back(entry);
        return all;
    }();
    static const PluginInfo info{"layers", version, "The layers of models", entries.data(),
                                 entries.size()};
    return info;
}

}  // namespace narrows::layers
