// Precompiled for the tests.
#include "cmake/precompiled/std.hpp"
#include "tests/catch.hpp"
