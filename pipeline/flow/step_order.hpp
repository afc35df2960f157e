// How the nodes of a training step follow each other, in this whole process.
#pragma once

#include "pipeline/node.hpp"

namespace narrows::flow {

// True: one after another in wiring order, also where none waits for the other, so that what they
// tell other processes comes in one order on each. Set before a run; false at first.
NARROWS_PUBLIC void set_nodes_in_order(bool in_order);
bool nodes_in_order();

}  // namespace narrows::flow
