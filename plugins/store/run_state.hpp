// A training run's state as a checkpoint's arrays, and back: weights, the optimiser's moments,
// progress. Nothing about randomness: it is a function of seed, node, epoch, sample and element.
#pragma once

#include "pipeline/model/autoencoder.hpp"
#include "pipeline/storage/bundle.hpp"

namespace narrows::plugins {

// Updates since the run began, over all its stages: what checkpoints are numbered by.
inline std::uint64_t steps_done(const Progress& progress) {
    return progress.steps_before + progress.step;
}

storage::Bundle save_run(const model::Autoencoder& model, const Progress& progress,
                         std::uint64_t best_step, std::string_view pipeline);

// Throws Fault::input when something is missing or has another shape.
void load_weights(const storage::Bundle& bundle, model::Autoencoder& model);
void load_moments(const storage::Bundle& bundle, model::Autoencoder& model);
// What differs between the data that the run saw and what the model's scaling was fitted to now;
// empty: nothing.
std::string difference_of_data(const storage::Bundle& bundle, const model::Autoencoder& model);
Progress load_progress(const storage::Bundle& bundle);
std::uint64_t load_best_step(const storage::Bundle& bundle);
// A history as /log/NAME: a value an epoch, or of NAME[0], NAME[1], ... one array [epoch, value].
void add_history(const Progress& progress, storage::Bundle& bundle);
storage::Array config_array(std::string_view pipeline);
std::string text_of(const storage::Bundle& bundle, std::string_view path);  // "/config"

}  // namespace narrows::plugins
