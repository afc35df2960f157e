// The codes of all rows of DATA, in memory: what a source needs that draws between or around them.
#pragma once

#include "datasets/dataset.hpp"
#include "plugins/encode/bound_model.hpp"

namespace narrows::plugins {

// Opens DATA, refuses what is empty, has another shape, or was scaled otherwise than the model's
// training data. Throws Error{Fault::input}.
std::shared_ptr<const datasets::Dataset> open_for(const model::Autoencoder& model,
                                                  const std::string& data);

// [rows, code]: codes, of a Gaussian latent the means.
layers::Floats codes_of(const model::Autoencoder& model, const datasets::Dataset& data,
                        RandomKey key, const Loop& loop);

}  // namespace narrows::plugins
