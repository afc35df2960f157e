// Does a file belong to this run? What --resume asks before it leaves a file alone or goes on with
// it: equal format, equal root attributes, equal arrays. Private to the storage room.
#pragma once

#include <filesystem>

#include "pipeline/storage/array_file.hpp"

namespace narrows::storage {

using Attributes = std::vector<std::pair<std::string, Attribute>>;

// Fault::usage
[[noreturn]] void another_run(const std::filesystem::path& path, const std::string& what);

// Throws where a file with the root attributes `there` is not of the run that would write these.
void compare_origin(const Attributes& there, const std::string& format, const Attributes& here,
                    const std::filesystem::path& path);

}  // namespace narrows::storage
