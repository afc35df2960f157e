// The types of this room that know rows, columns and channels: conv, conv1d, their transposed
// kin, pooling, upsampling and reshaping. One rule: the room's table of built-in types takes all
// of them from here.
#pragma once

#include <span>

#include "pipeline/plugin.hpp"

namespace narrows::layers {

NARROWS_PUBLIC std::span<const Entry> convolutional_layers();

}  // namespace narrows::layers
