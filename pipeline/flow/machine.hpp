// What this process uses of the machine now.
#pragma once

#include <cstdint>

namespace narrows::flow {

std::uint64_t resident_bytes();   // 0 where it cannot be known

}  // namespace narrows::flow
