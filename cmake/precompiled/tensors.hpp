// Precompiled for the rooms and plugins that compute.
#include <xtensor/xtensor.hpp>

#include "cmake/precompiled/std.hpp"
