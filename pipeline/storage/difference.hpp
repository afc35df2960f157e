// Two texts that should be equal: where they part, for "belongs to another run" messages.
#pragma once

#include "pipeline/node.hpp"

namespace narrows::storage {

// `line 12 is "rate = 0.1" there, "rate = 0.2" here`; empty when they are equal.
NARROWS_PUBLIC std::string first_difference(std::string_view there, std::string_view here);

}  // namespace narrows::storage
