// Which networks are worth training for a dataset. Private to the room.
#pragma once

#include <functional>

#include "pipeline/codec/choose.hpp"
#include "pipeline/codec/fit_latents.hpp"

namespace narrows::codec {

inline constexpr std::size_t fit_bytes = 48u << 20;  // of sample values in double

// A causal network for images of bytes that are many enough to pay for it.
std::optional<FittedModel> fit_images(const Source& source, const Plan& plan, double budget,
                                      const Loop& loop);

inline constexpr std::size_t given_steps = 1000;  // of the encoder for a decoder that is given

// Autoencoders, by real bytes of short trainings. `least`: bytes of the best other way; `measure`:
// bytes of the dataset with a model. Empty: nothing comes near.
std::vector<FittedModel> try_latents(const Shape& shape, const Plan& plan, double budget,
                                     double least, const std::function<Sample()>& draw,
                                     const std::function<double(const FittedModel&)>& measure,
                                     const Loop& loop);

}  // namespace narrows::codec
