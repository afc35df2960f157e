// DATA as the codec takes it: every dataset with its values as stored.
#pragma once

#include "pipeline/codec/container.hpp"
#include "tools/options.hpp"

namespace narrows::tools {

struct PackedInputs {
    std::vector<codec::Input> inputs;
    storage::FileBeside beside;  // of a whole file
    std::vector<std::string> files;
};

// A whole HDF5 file with all that narrows can read in it; datasets of HDF5 files under their own
// names, those of the same name one after another; anything else as /samples.
PackedInputs open_packed_inputs(const recipes::Source& source);

}  // namespace narrows::tools
