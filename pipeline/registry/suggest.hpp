// Did-you-mean: names near a misspelt one.
#pragma once

#include "pipeline/node.hpp"

namespace narrows::registry {

// Optimal string alignment distance (edits and swaps of neighbours), case folded.
NARROWS_PUBLIC std::size_t edit_distance(std::string_view a, std::string_view b);

// Up to three known names within max(1, length / 3) edits, nearest first, then by name.
NARROWS_PUBLIC std::vector<std::string> suggest(std::string_view name,
                                                std::span<const std::string> known);

// "did you mean "a" or "b"?", or empty.
NARROWS_PUBLIC std::string did_you_mean(std::string_view name, std::span<const std::string> known);

}  // namespace narrows::registry
