// From the units of the data to those that a model sees, and back.
#pragma once

#include <span>

#include "pipeline/model/autoencoder.hpp"

namespace narrows::model {

// Mean and deviation of each feature of the training data in the model's units; empty where the
// scaling has none.
struct FeatureStatistics {
    std::vector<float> mean, deviation;
};
NARROWS_PUBLIC FeatureStatistics scaled_statistics(const Scaling& scaling);

// values [rows, features], in place, back to the units of the data: x / factor + shift. A constant
// feature has factor 0: its one value is the shift. Throws Error{Fault::usage} where the scaling
// is per feature and not of so many.
NARROWS_PUBLIC void undo_scaling(const Scaling& scaling, std::size_t features,
                                 std::span<float> values);
// Only the refusal.
NARROWS_PUBLIC void require_features(const Scaling& scaling, std::size_t features);

}  // namespace narrows::model
