// Names of values that make a vector: NAME[0], NAME[1], ... are one array of the history.
#pragma once

#include <string>

namespace narrows::plugins {

inline std::string element(const std::string& name, std::size_t i) {
    return name + "[" + std::to_string(i) + "]";
}

}  // namespace narrows::plugins
