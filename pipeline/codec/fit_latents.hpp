// Trains autoencoders whose decoder is whole numbers. Private to the room.
#pragma once

#include "pipeline/codec/fit.hpp"

namespace narrows::codec {

// How a row is seen: as one vector (channels alone), or as channels of images.
struct LatentSize {
    std::size_t channels = 1, lines = 1, columns = 1;
    std::size_t codes = 2;   // of a row, or of a place
    std::size_t units = 32;  // of the hidden layers
    bool is_grid() const { return lines * columns > 1; }
};
// What residuals lie in: lines and columns of a plane.
struct PlaneShape {
    std::size_t lines = 1, columns = 1;
};

// So many of a step's products of a weight and a value, roughly: what a step costs.
double products_of_step(const LatentSize& size);
// One model for each of `shifts`: weights are multiples of 2^shift / 1024. Steps of 256 drawn rows,
// or 32 images.
std::vector<FittedModel> fit_latents(const Sample& sample, const LatentSize& size,
                                     const PlaneShape& plane, std::size_t steps,
                                     std::span<const std::uint8_t> shifts, const Loop& loop);
// A given decoder's encoder for these rows. Null: it is of other rows.
std::shared_ptr<const Model> with_encoder(const Model& model, const Sample& sample,
                                          std::size_t steps, const Loop& loop);

}  // namespace narrows::codec
