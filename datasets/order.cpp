#include <algorithm>

#include "datasets/dataset.hpp"
#include "pipeline/simd/random.hpp"

namespace narrows::datasets {
namespace {

constexpr std::uint32_t window_stride = 0x9e3779b1u;

}  // namespace

SampleOrder::SampleOrder(RandomKey key, std::int64_t rows, std::int64_t block_rows,
                         std::int64_t window_rows)
    : key_(key),
      rows_(rows),
      block_rows_(std::max<std::int64_t>(1, block_rows)),
      window_rows_(std::max<std::int64_t>(1, window_rows)) {}

// Whole blocks are permuted, a last part of a block stays last; then places are permuted inside
// windows of the result.
void SampleOrder::rows(std::uint32_t epoch, std::int64_t first, std::span<std::int64_t> out) const {
    const std::int64_t blocks = rows_ / block_rows_;
    const simd::Permutation order(key_.seed, key_.node, epoch,
                                  static_cast<std::uint64_t>(std::max<std::int64_t>(1, blocks)));
    for (std::size_t done = 0; done < out.size();) {
        const std::int64_t window = (first + static_cast<std::int64_t>(done)) / window_rows_;
        const std::int64_t start = window * window_rows_;
        const std::int64_t size = std::min(window_rows_, rows_ - start);
        const simd::Permutation inside(
            key_.seed, key_.node + window_stride * static_cast<std::uint32_t>(window + 1), epoch,
            static_cast<std::uint64_t>(size));
        for (; done < out.size(); ++done) {
            const std::int64_t place = first + static_cast<std::int64_t>(done);
            if (place >= start + size) break;
            const std::int64_t from =
                start +
                static_cast<std::int64_t>(inside(static_cast<std::uint64_t>(place - start)));
            const std::int64_t block = from / block_rows_;
            out[done] = block < blocks
                            ? static_cast<std::int64_t>(order(static_cast<std::uint64_t>(block))) *
                                      block_rows_ +
                                  from % block_rows_
                            : from;
        }
    }
}

}  // namespace narrows::datasets
