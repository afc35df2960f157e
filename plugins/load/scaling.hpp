// How samples are scaled for a model: fitted while training, kept with it, applied ever after.
#pragma once

#include "datasets/dataset.hpp"
#include "pipeline/model/autoencoder.hpp"

namespace narrows::plugins {

// The scaling that `kind` ("auto", "none", "unit", "minmax", "standard") gives data of this
// summary. Throws Error{Fault::usage} where it does not fit the data.
model::Scaling fit_scaling(const std::string& kind, const datasets::Summary& summary);

// Refuses data that the model was not trained on: another type, or far outside the range. What is
// inside but unlike the training data is told in texts, one each: means that moved, and features
// they are of; spread; values outside the training range; the rows that are furthest. Rows are
// named by their numbers behind `first_row`.
std::vector<std::string> check_fits(const model::Scaling& scaling, const datasets::Dataset& data,
                                    std::int64_t first_row = 0);

// In place, rows of `features` values.
void apply_scaling(const model::Scaling& scaling, float* values, std::size_t features,
                   std::size_t rows);

}  // namespace narrows::plugins
