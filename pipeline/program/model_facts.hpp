// What must be known of a model to make a pipeline for it, read from its file without building it.
#pragma once

#include <string>
#include <vector>

#include "pipeline/node.hpp"

namespace narrows::program {

struct ModelFacts {
    std::string scaling = "none", source_type;
    bool gaussian = false;    // a variational model
    bool decoder = true;      // there is one
    bool classifier = false;  // its decoder gives logits
    bool quantised = false;   // the encoder ends in a codebook
    std::string likelihood;   // of its decoder; "": the file says nothing
    double likelihood_scale = 1;
    bool learned_scale = false;
    std::vector<float> shift, factor;  // empty, one for all, or one a feature
};
// Throws Error{Fault::input}.
NARROWS_PUBLIC ModelFacts model_facts(const std::string& file);

}  // namespace narrows::program
