// Data of others for the tests that need it: the folder that NARROWS_DATA names.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include "tests/catch.hpp"

namespace narrows::test {

// The folder, where it has `part` ("chess/games.epd.gz"; empty: anything); else says what was
// skipped.
inline std::optional<std::string> real_data(const std::string& what, const std::string& part = {}) {
    const char* folder = std::getenv("NARROWS_DATA");
    if (folder == nullptr || *folder == 0)
        WARN("skipped, NARROWS_DATA is not set: " << what);
    else if (!std::filesystem::exists(std::filesystem::path(folder) / part))
        WARN("skipped, NARROWS_DATA has no " << part << ": " << what);
    else
        return folder;
    return std::nullopt;
}

}  // namespace narrows::test
