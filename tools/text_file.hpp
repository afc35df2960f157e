// Small text files that people write: pipelines and models.
#pragma once

#include <string>

namespace narrows::tools {

// Throws Error{Fault::input}; "-" is standard input. At most 16 MiB.
std::string read_text(const std::string& path);

}  // namespace narrows::tools
