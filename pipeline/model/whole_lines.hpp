// Every part of a workspace begins a cache line.
#pragma once

#include <cstddef>

namespace narrows::model {

constexpr std::size_t whole_lines(std::size_t bytes) {
    constexpr std::size_t line = 64;
    return (bytes + line - 1) / line * line;
}

}  // namespace narrows::model
