// An encoder of dense layers in 8-bit integers: weights with one scale for each output, activations
// as bytes whose range was seen on calibration samples, exact 32-bit sums. One rule: a pure function
// of the model and the calibration samples; every kernel level and thread count gives the same bits.
//
// Value k of a layer's input is x_k = step * u_k + low with a byte u_k; with x W ~ s q (q within
// +-127 for each output) the layer is act(s sum_k u_k q_k + bias'), all that is constant lies in
// bias'. See Jacob et al. 2018, section 2, for integer-only inference of this form.
#pragma once

#include <span>

#include "pipeline/model/autoencoder.hpp"

namespace narrows::model {

// What samples are, where they come as bytes: x = (u - shift) * factor, by value or one for all.
struct ByteInput {
    std::span<const float> shift, factor;
};

// Of the codes of the calibration samples, against those in 32-bit floats.
struct CodeError {
    double rms = 0;       // root of the mean square over all values
    double relative = 0;  // rms over the deviation of the codes' values about their unit's mean
    double most = 0;
    std::int64_t samples = 0;
};

class NARROWS_PUBLIC Int8Encoder {
public:
    // x [rows, features], scaled, are the calibration samples. `bytes`: samples will come as bytes,
    // and are quantised by nothing else. Throws Error{Fault::usage} that names the first layer that
    // is not dense, elementwise or affine, or too deep for 32-bit sums.
    Int8Encoder(const Autoencoder& model, std::span<const float> x, std::optional<ByteInput> bytes);

    std::size_t features() const { return features_; }
    std::size_t units() const { return units_; }  // of a code; a Gaussian latent's means
    // Errors of the calibration samples' codes; u are the same samples as bytes, where they come so.
    CodeError error(std::span<const float> x, std::span<const std::uint8_t> u) const;

    std::size_t workspace_bytes(std::size_t rows) const;
    // z [rows, units] of x [rows, features]; rows in blocks that are tasks of the loop.
    void encode(const Loop& loop, std::size_t rows, const float* x, std::byte* workspace,
                float* z) const;
    void encode(const Loop& loop, std::size_t rows, const std::uint8_t* u, std::byte* workspace,
                float* z) const;
    std::uint64_t bytes() const;  // of weights and scales

private:
    struct Stage {  // a dense layer and the activation behind it
        std::size_t inputs = 0, outputs = 0;
        layers::Floats panels;           // bytes, at a cache line
        layers::Floats scale, bias;      // padded to whole panels
        layers::Floats factor, offset;   // to the bytes of the next stage; empty: the last
        simd::Activation activation = simd::Activation::linear;
        float alpha = 0;
    };
    struct Chain;  // how it is made
    void run(std::size_t rows, const std::uint8_t* u, std::byte* workspace, float* z) const;
    std::size_t block_bytes() const;

    std::size_t features_ = 0, units_ = 0, widest_ = 0;
    std::vector<float> factor_, offset_;  // floats to the first bytes
    std::vector<Stage> stages_;
    std::vector<float> last_factor_, last_offset_;  // affine layers behind the last activation
    layers::Floats reference_;                      // codes of the calibration samples in floats
};

}  // namespace narrows::model
