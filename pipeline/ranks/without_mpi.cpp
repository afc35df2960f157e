// A build without MPI.
#include <cstdlib>

#include "pipeline/ranks/world.hpp"

namespace narrows::ranks {

const Ranks* joined() {
    return nullptr;
}

void start() {
    throw Error(
        Fault::usage,
        "this narrows was built without MPI: every rank would do all the work and write the "
        "same file",
        "build with -DNARROWS_WITH_MPI=ON (libopenmpi-dev), or start it once");
}

void finish() {}

void abort(int code) {
    std::exit(code);
}

}  // namespace narrows::ranks
