#include "pipeline/simd/random.hpp"

#include <Random123/philox.h>

namespace narrows::simd {

std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint32_t node, std::uint32_t epoch,
                                    std::uint64_t sample, std::uint32_t block) {
    r123::Philox4x32::ctr_type counter = {{block, static_cast<std::uint32_t>(sample),
                                           static_cast<std::uint32_t>(sample >> 32), epoch}};
    r123::Philox4x32::key_type key = {{static_cast<std::uint32_t>(seed) ^ (node * 0x9e3779b9u),
                                       static_cast<std::uint32_t>(seed >> 32)}};
    const auto words = r123::Philox4x32{}(counter, key);
    return {words[0], words[1], words[2], words[3]};
}

// The network works on numbers of 2 * half_bits_ bits, the fewest that hold size - 1; at most
// four in five walks are a single step more, as the range is less than four times the size.
Permutation::Permutation(std::uint64_t seed, std::uint32_t node, std::uint32_t epoch,
                         std::uint64_t size)
    : seed_(seed), size_(size), node_(node), epoch_(epoch), half_bits_(1) {
    while (half_bits_ < 32 && (size >> (2 * half_bits_)) != 0) ++half_bits_;
}

std::uint64_t Permutation::operator()(std::uint64_t index) const {
    if (size_ < 2) return index;
    constexpr std::uint32_t rounds =
        6;  // four make a strong permutation of a good function; two spare
    const std::uint64_t half_mask = (std::uint64_t{1} << half_bits_) - 1;
    do {
        std::uint64_t left = index >> half_bits_, right = index & half_mask;
        for (std::uint32_t round = 0; round < rounds; ++round) {
            const auto words = philox(seed_, node_, epoch_, right, round);
            const std::uint64_t next = left ^ (words[0] & half_mask);
            left = right;
            right = next;
        }
        index = (left << half_bits_) | right;
    } while (index >= size_);
    return index;
}

}  // namespace narrows::simd
