// What presets and evaluate must know about data, found by opening it and one pass over its rows.
#pragma once

#include "datasets/dataset.hpp"
#include "pipeline/recipes/recipes.hpp"

namespace narrows::program {

NARROWS_PUBLIC std::vector<datasets::DataSpec> data_specs(const recipes::Source& source);
NARROWS_PUBLIC std::shared_ptr<const datasets::Dataset> open_data(const recipes::Source& source);

// Shape, rows and range after the source's scaling. Throws Error{Fault::input} that names the first
// rows with NaN or Inf, unless the source says what to do with them. Advice about odd ranges and
// other details are added to the lists, where there are any.
NARROWS_PUBLIC recipes::DataFacts training_facts(const datasets::Dataset& data,
                                                 const recipes::Source& source,
                                                 std::vector<std::string>* advice = nullptr,
                                                 std::vector<std::string>* details = nullptr);

// Are the samples in [0, 1] under the scaling that the model was trained with?
NARROWS_PUBLIC bool in_unit_range_for_model(const datasets::Dataset& data,
                                            const recipes::Source& source,
                                            const std::string& model);

// What data and model decide of an evaluation. Throws Error{Fault::input}: a Bernoulli likelihood,
// but the data leaves [0, 1].
NARROWS_PUBLIC void finish_evaluation(recipes::StreamOptions& options);

}  // namespace narrows::program
