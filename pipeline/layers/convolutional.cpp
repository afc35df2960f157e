#include "pipeline/layers/convolutional.hpp"

#include <array>

#include "pipeline/layers/conv.hpp"
#include "pipeline/layers/pooling.hpp"
#include "pipeline/layers/reshape.hpp"
#include "pipeline/layers/upsample.hpp"

namespace narrows::layers {

std::span<const Entry> convolutional_layers() {
    static constexpr std::array entries = {
        NARROWS_LAYER(Conv, "conv"),
        NARROWS_LAYER(Conv1d, "conv1d"),
        NARROWS_LAYER(ConvTransposed, "conv_transposed"),
        NARROWS_LAYER(Conv1dTransposed, "conv1d_transposed"),
        NARROWS_LAYER(MaxPool, "max_pool"),
        NARROWS_LAYER(AveragePool, "average_pool"),
        NARROWS_LAYER(Upsample, "upsample"),
        NARROWS_LAYER(Flatten, "flatten"),
        NARROWS_LAYER(Reshape, "reshape"),
    };
    return entries;
}

}  // namespace narrows::layers
