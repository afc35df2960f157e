// The table of presets. A preset is one entry: its name, its text, and what it decides. Private to
// recipes.
#pragma once

#include "pipeline/recipes/recipes.hpp"

namespace narrows::recipes {

struct Preset {
    PresetInfo info;
    // Fills what the user left open; `choices` comes with the rules that all presets share.
    void (*decide)(Choices& choices, const TrainOptions& options);
    bool takes_hidden = true;
    bool restricted = false;  // something other than the width keeps the code useful
};

const Preset* find_preset(std::string_view name);

}  // namespace narrows::recipes
