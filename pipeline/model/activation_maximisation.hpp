// What a unit of an encoder responds to: the input within reach of the data that excites it most,
// found by gradient ascent (Erhan, Bengio, Courville and Vincent 2009, "Visualizing higher-layer
// features of a deep network"). They hold the input's norm; here it is held about the data's mean,
// so that data with an offset is searched where it lies. One rule: while this runs, nobody else
// uses the model.
#pragma once

#include <span>

#include "pipeline/model/autoencoder.hpp"

namespace narrows::model {

// The units of a layer's output: each value of a vector; each channel of images and signals, at
// the position in the middle. Of a Gaussian latent the means.
struct Units {
    std::size_t count = 0;
    std::size_t offset = 0;  // of unit 0 among a sample's output values; the others follow
};
NARROWS_PUBLIC Units units_of(const Autoencoder& model, std::size_t layer);

// "encoder.1", "1", "code" for the last, "" for the first that has a matrix of weights. Throws
// Error{Fault::usage} with those there are.
NARROWS_PUBLIC std::size_t encoder_layer(const Autoencoder& model, std::string_view name);

// Its matrix of weights [inputs, outputs], or null.
NARROWS_PUBLIC const layers::Parameter* weight_of(layers::Layer& layer);

struct Ascent {
    std::size_t layer = 0;      // of the encoder; read before its activation, which may be flat
    std::size_t steps = 64;     // of decreasing length
    std::size_t starts = 4;     // directions that a unit begins from; the best end counts
    RandomKey key;              // of the starts
    double radius = 1;          // |x - centre|
    std::vector<float> centre;  // of x, in the model's units; empty: 0
};
// Centre and radius from the model's training data: its mean, and the root of the mean squared
// distance from it. Without statistics 0, and the root of the number of features.
NARROWS_PUBLIC Ascent ascent_within_data(const Autoencoder& model, std::size_t layer);

// directions [count, features]: x - centre of length `radius` for units first ... first+count-1;
// zeros where no start had a gradient. Same bits for any threads of `loop`.
NARROWS_PUBLIC void maximise_activation(const Autoencoder& model, const Loop& loop,
                                        const Ascent& ascent, std::size_t first, std::size_t count,
                                        float* directions);

}  // namespace narrows::model
