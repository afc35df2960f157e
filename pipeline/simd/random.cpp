#include "pipeline/simd/random.hpp"

#include <utility>

#include <Random123/philox.h>

namespace narrows::simd {

namespace {

inline r123::Philox4x32::ctr_type words_of(std::uint64_t seed, std::uint32_t node,
                                           std::uint32_t epoch, std::uint64_t sample,
                                           std::uint32_t block) {
    const r123::Philox4x32::ctr_type counter = {{block, static_cast<std::uint32_t>(sample),
                                                 static_cast<std::uint32_t>(sample >> 32), epoch}};
    const r123::Philox4x32::key_type key = {
        {static_cast<std::uint32_t>(seed) ^ (node * 0x9e3779b9u),
         static_cast<std::uint32_t>(seed >> 32)}};
    return r123::Philox4x32{}(counter, key);
}

}  // namespace

std::array<std::uint32_t, 4> philox(std::uint64_t seed, std::uint32_t node, std::uint32_t epoch,
                                    std::uint64_t sample, std::uint32_t block) {
    const auto words = words_of(seed, node, epoch, sample, block);
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
    permute({&index, 1});
    return index;
}

// A walk is one long chain of multiplications: some go side by side.
void Permutation::permute(std::span<std::uint64_t> indices) const {
    if (size_ < 2) return;
    constexpr std::uint32_t rounds =
        6;  // four make a strong permutation of a good function; two spare
    constexpr std::size_t together = 8;
    const std::uint64_t half_mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t* walking[together];
    std::uint64_t left[together], right[together];
    std::size_t count = 0;
    for (std::size_t next = 0; next < indices.size() || count > 0;) {
        while (count < together && next < indices.size()) walking[count++] = &indices[next++];
        for (std::size_t i = 0; i < count; ++i) {
            left[i] = *walking[i] >> half_bits_;
            right[i] = *walking[i] & half_mask;
        }
        for (std::uint32_t round = 0; round < rounds; ++round)
            for (std::size_t i = 0; i < count; ++i) {
                const std::uint64_t word = words_of(seed_, node_, epoch_, right[i], round)[0];
                left[i] ^= word & half_mask;
                std::swap(left[i], right[i]);
            }
        std::size_t outside = 0;
        for (std::size_t i = 0; i < count; ++i) {
            *walking[i] = (left[i] << half_bits_) | right[i];
            if (*walking[i] >= size_) walking[outside++] = walking[i];
        }
        count = outside;
    }
}

}  // namespace narrows::simd
