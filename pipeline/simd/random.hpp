// Scalar randomness (Random123's Philox4x32-10) with the same numbers as the kernels: for
// initialisation, permutations and generators. Randomness is a function, never a stream.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "pipeline/node.hpp"

namespace narrows::simd {

// Four independent 32-bit words for (seed, node, epoch, sample, block of four elements).
NARROWS_PUBLIC std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint32_t node,
                                                   std::uint32_t epoch, std::uint64_t sample,
                                                   std::uint32_t block);

// 24 high bits of a word to [0, 1).
constexpr float to_uniform(std::uint32_t word) {
    return static_cast<float>(word >> 8) * 0x1p-24f;
}

// A keyed permutation of 0 ... size-1, size below 2^63: a Feistel network over philox with cycle
// walking.
class NARROWS_PUBLIC Permutation {
public:
    Permutation(std::uint64_t seed, std::uint32_t node, std::uint32_t epoch, std::uint64_t size);
    std::uint64_t operator()(std::uint64_t index) const;
    // Each index to its image; together they take a third of the time.
    void permute(std::span<std::uint64_t> indices) const;

private:
    std::uint64_t seed_, size_, rows_, columns_;
    std::uint32_t node_, epoch_;
};

}  // namespace narrows::simd
