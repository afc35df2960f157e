// A model as the content of its file: architecture, weights, scaling, the pipeline that made it and
// test vectors, by which a machine can tell that it computes the same bits.
#pragma once

#include "pipeline/model/autoencoder.hpp"
#include "pipeline/storage/bundle.hpp"

namespace narrows::model {

// `pipeline` is the resolved, portable text; empty: the model was not made by one. Computes the
// test vectors: four samples through the model.
NARROWS_PUBLIC storage::Bundle to_bundle(const Autoencoder& model, std::string_view pipeline);

// Weights and scaling into a configured model of the same architecture; only the parameters whose
// name begins with `part`.
NARROWS_PUBLIC void from_bundle(const storage::Bundle& bundle, Autoencoder& model,
                                std::string_view part = {});
// /scaling/...: factors, and what was seen of the training data.
NARROWS_PUBLIC void add_scaling(storage::Bundle& bundle, const Scaling& scaling);
NARROWS_PUBLIC Scaling stored_scaling(const storage::Bundle& bundle);
NARROWS_PUBLIC std::string stored_architecture(const storage::Bundle& bundle);

// Does this machine give the bits that the file's test vectors say? Also false when there are none.
NARROWS_PUBLIC bool reproduces_test_vectors(const storage::Bundle& bundle,
                                            const Autoencoder& model);

}  // namespace narrows::model
