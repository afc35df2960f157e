// Values of options, read and held against what they are for.
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/recipes/recipes.hpp"

namespace narrows::tools {

// Empty: the text is a whole number within the bounds.
std::string why_no_whole_number(const std::string& text, std::int64_t low, std::int64_t high);

// NARROWS_THREADS; 0 where it is not set. Throws Error{Fault::usage}.
std::int64_t threads_from_environment();

// Throws Error{Fault::usage}: options of DATA that nothing would read. `stride`: it was given.
void check_source(const recipes::Source& source, bool stride);

}  // namespace narrows::tools
