// The `load` node of a Source. Private to recipes.
#pragma once

#include "pipeline/recipes/recipes.hpp"
#include "pipeline/recipes/toml_text.hpp"

namespace narrows::recipes {

// Writes the node's table without closing it: the caller may add keys.
void load_node(TomlText& toml, std::string_view id, const Source& source);

// Writes a checkpoint node's `every` where epochs are so short that one each would cost more than
// the training.
void checkpoint_every(TomlText& toml, std::int64_t rows, std::int64_t batch);

}  // namespace narrows::recipes
