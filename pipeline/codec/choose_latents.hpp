// Which autoencoders are worth training, by real bytes of short trainings. Private to the room.
#pragma once

#include <functional>

#include "pipeline/codec/chunk.hpp"
#include "pipeline/codec/fit_latents.hpp"

namespace narrows::codec {

inline constexpr std::size_t given_steps = 1000;  // of the encoder for a decoder that is given

// `least`: bytes of the best other way; `measure`: bytes of the dataset with a model. Empty:
// nothing comes near.
std::vector<FittedModel> try_latents(const Shape& shape, const Plan& plan, double budget,
                                     double least, const std::function<Sample()>& draw,
                                     const std::function<double(const FittedModel&)>& measure,
                                     const Loop& loop);

}  // namespace narrows::codec
