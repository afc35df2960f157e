// What this process uses of the machine now.
#pragma once

#include <cstdint>

namespace narrows::flow {

std::uint64_t resident_bytes();   // 0 where it cannot be known
std::uint64_t peak_bytes();       // the most that it was

}  // namespace narrows::flow
