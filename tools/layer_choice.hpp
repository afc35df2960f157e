// A layer that was named on the command line, looked up in a trained model.
#pragma once

#include "pipeline/registry/registry.hpp"
#include "tools/options.hpp"

namespace narrows::tools {

struct LayerChoice {
    std::int64_t layers = 0;  // of the encoder, up to and with the one that is meant
    bool last = false;        // it is the code
};
// `layer`: "encoder.1", "1", "code"; says which it is. Throws Error{Fault::usage} with those there
// are.
LayerChoice choose_layer(const std::string& file, const std::string& layer, const Common& common,
                         const registry::Registry& registry);

}  // namespace narrows::tools
