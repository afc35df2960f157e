// What presets and evaluate must know about data, found by opening it and one pass over its rows.
#pragma once

#include "datasets/dataset.hpp"
#include "pipeline/recipes/recipes.hpp"
#include "tools/options.hpp"

namespace narrows::tools {

std::vector<datasets::DataSpec> data_specs(const recipes::Source& source);
std::shared_ptr<const datasets::Dataset> open_data(const recipes::Source& source);

// Shape, rows and range after the source's scaling. Throws Error{Fault::input} that names the first
// rows with NaN or Inf, unless the source says what to do with them; advises about odd ranges.
recipes::DataFacts training_facts(const datasets::Dataset& data, const recipes::Source& source,
                                  const Common& common);

// Are the samples in [0, 1] under the scaling that the model was trained with?
bool in_unit_range_for_model(const datasets::Dataset& data, const recipes::Source& source,
                             const std::string& model);

}  // namespace narrows::tools
