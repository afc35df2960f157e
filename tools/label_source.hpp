// Labels that stand beside DATA or inside it, for the verbs that compare with them.
#pragma once

#include "datasets/dataset.hpp"
#include "pipeline/recipes/recipes.hpp"

namespace narrows::tools {

// Adds `given` where it names labels, else the samples' own `data`, opened as `opened`. Throws
// Error{Fault::usage} when there are none in them; with `optional` adds nothing.
void add_labels(recipes::LabelSource& labels, const std::string& given,
                const recipes::Source& source, std::span<const std::string> data,
                const datasets::Dataset& opened, const std::string& option, bool optional = false);

}  // namespace narrows::tools
