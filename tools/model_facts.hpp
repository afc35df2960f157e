// What the command needs to know about a file that narrows wrote, without building its model.
#pragma once

#include <string>
#include <vector>

namespace narrows::tools {

struct ModelFacts {
    std::string scaling = "none", source_type;
    bool gaussian = false;             // a variational model
    bool decoder = true;               // there is one
    bool quantised = false;            // the encoder ends in a codebook
    std::string likelihood;            // of its decoder; "": the file says nothing
    double likelihood_scale = 1;
    bool learned_scale = false;
    std::vector<float> shift, factor;  // empty, one for all, or one a feature
};
ModelFacts model_facts(const std::string& file);

// The pipeline that a model, checkpoint or output was made by; throws Error{Fault::input}.
std::string stored_pipeline(const std::string& file);

}  // namespace narrows::tools
