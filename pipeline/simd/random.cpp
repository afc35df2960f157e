#include "pipeline/simd/random.hpp"

#include <algorithm>
#include <cmath>

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

// Numbers are pairs below rows_ and columns_, the nearest to a square; Black and Rogaway 2002's
// generalised Feistel network adds to each of a pair what a function makes of the other. Fewer than
// rows_ pairs stand for no number: whoever meets one walks on.
Permutation::Permutation(std::uint64_t seed, std::uint32_t node, std::uint32_t epoch,
                         std::uint64_t size)
    : seed_(seed),
      size_(size),
      rows_(size < 2 ? 1
                     : 1 + static_cast<std::uint64_t>(std::sqrt(static_cast<double>(size - 1)))),
      columns_((size + rows_ - 1) / rows_),
      node_(node),
      epoch_(epoch) {}

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
    std::uint64_t* walking[together];
    std::uint64_t row[together], column[together];
    std::size_t count = 0;
    for (std::size_t next = 0; next < indices.size() || count > 0;) {
        while (count < together && next < indices.size()) walking[count++] = &indices[next++];
        for (std::size_t i = 0; i < count; ++i) {
            row[i] = *walking[i] / columns_;
            column[i] = *walking[i] % columns_;
        }
        const auto add = [&](std::uint64_t& to, std::uint64_t from, std::uint64_t below,
                             std::uint32_t round) {
            const std::uint64_t word = words_of(seed_, node_, epoch_, from, round)[0];
            to += word * below >> 32;  // below 2^32
            if (to >= below) to -= below;
        };
        for (std::uint32_t round = 0; round < rounds; round += 2) {
            for (std::size_t i = 0; i < count; ++i) add(row[i], column[i], rows_, round);
            for (std::size_t i = 0; i < count; ++i) add(column[i], row[i], columns_, round + 1);
        }
        std::size_t outside = 0;
        for (std::size_t i = 0; i < count; ++i) {
            *walking[i] = row[i] * columns_ + column[i];
            if (*walking[i] >= size_) walking[outside++] = walking[i];
        }
        count = outside;
    }
}

}  // namespace narrows::simd
