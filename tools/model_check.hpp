// A model's file, looked into: architecture, size, hash, and whether this machine gives the values
// that are stored with it.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "pipeline/registry/registry.hpp"

namespace narrows::tools {

struct ModelReport {
    std::string text;  // lines for people
    nlohmann::ordered_json json;
    bool failed = false;  // checked, and not what the file says
};
// `check`: rebuild the model and verify its hash and test vectors.
ModelReport inspect_model(const std::string& path, const std::string& format,
                          const registry::Registry& registry, bool check);

}  // namespace narrows::tools
