// File formats that plugins bring, for datasets::open(): what a program and the command do once.
#pragma once

#include <string>
#include <vector>

#include "pipeline/values.hpp"

namespace narrows::program {

// The plugins of these folders and of the usual ones are looked through when a file is met that may
// be of their formats, and not before. Opening it throws Error{Fault::plugin} where one does not
// fit.
NARROWS_PUBLIC void offer_formats(std::vector<std::string> plugin_folders);

}  // namespace narrows::program
