// Trains the causal network of images. Private to the room.
#pragma once

#include "pipeline/codec/causal_net.hpp"

namespace narrows::codec {

struct NetSample {
    std::size_t images = 0, lines = 0, columns = 0;
    std::vector<std::uint8_t> values;  // [images, lines, columns], below levels, for value * step
    std::int32_t levels = 256;
    std::uint32_t step = 1;
};
struct NetSize {
    std::size_t first, second;  // units of the hidden layers
};
// Steps of 2048 drawn pixels. The same network for any thread count and kernel level.
NetModel fit_net(const NetSample& sample, const NetSize& size, std::size_t steps, const Loop& loop);

}  // namespace narrows::codec
