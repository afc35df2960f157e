// What the build's kind of ranks.cpp asks: with MPI or without. Private to this room.
#pragma once

#include "pipeline/ranks/ranks.hpp"

namespace narrows::ranks {

const Ranks* joined();  // null before start()

}  // namespace narrows::ranks
