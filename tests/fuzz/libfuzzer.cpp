// The same targets under libFuzzer: configure with clang and -DNARROWS_FUZZ=ON. With
// NARROWS_FUZZ_SEEDS the target's own inputs are written to that folder at the start, for libFuzzer
// to begin from.
#include <cstdlib>
#include <fstream>

#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerInitialize(int*, char***);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    const char* const folder = std::getenv("NARROWS_FUZZ_SEEDS");
    if (folder == nullptr) return 0;
    int number = 0;
    for (const std::string& seed : fuzz::seeds())
        std::ofstream(std::string(folder) + "/seed-" + std::to_string(number++), std::ios::binary)
            << seed;
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::run({reinterpret_cast<const char*>(data), size});
    return 0;
}
