// Models to and from other runtimes, as ONNX files (operator set 17, 32-bit floats). One rule: what
// cannot be said exactly is refused by name; nothing is approximated.
#pragma once

#include <string>
#include <string_view>

#include "pipeline/model/autoencoder.hpp"

namespace narrows::exchange {

enum class Part : std::uint8_t { encoder, decoder, model };

// The bytes of an ONNX file, the same for the same model. Inputs and outputs are [N, ...] with a
// batch of any size, in the units of the model's data: scaling is part of the graph.
//   encoder  x -> z, and log_variance of a Gaussian latent (z: its means)
//   decoder  z -> reconstruction; of a classifier logits, probabilities
//   model    x -> reconstruction (through the means); of a classifier logits, probabilities
// Throws Error{Fault::usage}: a layer has no form in ONNX, no decoder, more than 2 GiB.
NARROWS_PUBLIC std::string export_onnx(const model::Autoencoder& model, const Factory& factory,
                                       Part part);

struct ImportOptions {
    std::string output;                // the tensor that is the code; "": the file's first output
    bool decoder = false;              // what stands behind it becomes the decoder
    std::vector<std::int64_t> sample;  // extents of a sample there, where the file leaves them open
};

// A model that encodes as the file's network does. It must be a chain of the operators that
// pipeline/exchange/ONNX.md lists. Images and signals are [channels, axes...] there and [axes...,
// channels] here, input and code alike. Subtractions and factors before the first layer become the
// model's scaling. Throws Error{Fault::input}: damaged, or the node that is not understood.
NARROWS_PUBLIC std::unique_ptr<model::Autoencoder> import_onnx(std::string_view bytes,
                                                               const Factory& factory,
                                                               const ImportOptions& options = {});

}  // namespace narrows::exchange
