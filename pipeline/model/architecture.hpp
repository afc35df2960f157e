// A model's shapes and layers as canonical JSON: the same model gives the same text, and the text
// with the weights gives the model back, whatever the defaults of a later version are.
#pragma once

#include <vector>

#include "pipeline/model/autoencoder.hpp"

namespace narrows::model {

struct Architecture {
    Shape input;
    std::vector<LayerSpec> encoder, decoder;
    bool tied = false;
    std::string latent = "plain";
    std::vector<std::int64_t> classes;  // of a classifier
    std::vector<std::string> class_names;
    std::string likelihood = "none";
    double scale = 1;  // of a gaussian or laplace likelihood
};

NARROWS_PUBLIC std::string write_architecture(const Architecture& architecture,
                                              const Factory& factory);
// Throws Error{Fault::input} when the text is not what write_architecture gives.
NARROWS_PUBLIC Architecture read_architecture(std::string_view text);

}  // namespace narrows::model
