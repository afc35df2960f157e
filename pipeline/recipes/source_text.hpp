// The `load` node of a Source. Private to recipes.
#pragma once

#include "pipeline/recipes/recipes.hpp"
#include "pipeline/recipes/toml_text.hpp"

namespace narrows::recipes {

// Writes the node's table without closing it: the caller may add keys.
void load_node(TomlText& toml, std::string_view id, const Source& source);

}  // namespace narrows::recipes
