// What this process uses of the machine now.
#pragma once

#include <cstdint>

namespace narrows::flow {

// Memory that this process may use: what is installed, or the smallest limit of its cgroups.
std::uint64_t usable_memory();
std::uint64_t resident_bytes();  // 0 where it cannot be known
std::uint64_t peak_bytes();      // the most that it was

}  // namespace narrows::flow
