// Cuts [0, count) into parts over storage::loop(). Private to the storage room. One rule: what goes
// wrong in several parts is told as if they had run one after another: the first of them.
#pragma once

#include "pipeline/storage/array_file.hpp"

namespace narrows::storage {

// Calls body(from, to) for about `parts` parts (at most one a unit), on as many threads.
void in_parts(std::size_t count, std::size_t parts,
              FunctionRef<void(std::size_t from, std::size_t to)> body);

}  // namespace narrows::storage
