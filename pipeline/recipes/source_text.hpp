// The `load` node of a Source, keys of labels, and the node that corrupts what it gives. Private to
// recipes.
#pragma once

#include "pipeline/recipes/recipes.hpp"
#include "pipeline/recipes/toml_text.hpp"

namespace narrows::recipes {

inline constexpr std::int64_t packet = 512;  // samples that keep all threads busy and fit a cache

// The keys of a sink whose rows are a part of all; none where they are all.
void part_keys(TomlText& toml, const Source& source);

// Writes the node's table without closing it: the caller may add keys.
void load_node(TomlText& toml, std::string_view id, const Source& source);

// Reads the nodes "data" and "code" of a variational model.
void importance_node(TomlText& toml, const Importance& importance);

// The keys of a node that reads labels for itself.
void label_keys(TomlText& toml, const LabelSource& labels);

// Writes a checkpoint node's `every` where epochs are so short that one each would cost more than
// the training.
void checkpoint_every(TomlText& toml, std::int64_t rows, std::int64_t batch);
// Node "noisy"; salt and pepper stand at `low` and `high`. Not closed either.
void corrupt_node(TomlText& toml, const Corruption& corruption, std::string_view input, double low,
                  double high);

}  // namespace narrows::recipes
