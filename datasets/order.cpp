#include <algorithm>
#include <array>

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
// windows of the result. Blocks of one row need no windows.
void SampleOrder::rows(std::uint32_t epoch, std::int64_t first, std::span<std::int64_t> out) const {
    constexpr std::size_t at_once = 256;
    std::array<std::uint64_t, at_once> kept_places, kept_blocks;
    const auto block_rows = static_cast<std::uint64_t>(block_rows_);
    const std::uint64_t whole_blocks = static_cast<std::uint64_t>(rows_) / block_rows;
    const simd::Permutation order(key_.seed, key_.node, epoch,
                                  std::max<std::uint64_t>(1, whole_blocks));
    for (std::size_t start = 0; start < out.size(); start += at_once) {
        const std::size_t count = std::min(at_once, out.size() - start);
        const auto places = std::span(kept_places).first(count);
        const auto blocks = std::span(kept_blocks).first(count);
        for (std::size_t i = 0; i < count; ++i)
            places[i] = static_cast<std::uint64_t>(first) + start + i;
        if (block_rows > 1) permute_windows(epoch, places);
        for (std::size_t i = 0; i < count; ++i) blocks[i] = places[i] / block_rows;
        for (std::size_t i = 0; i < count;) {  // the last part of a block is left out
            std::size_t end = i;
            while (end < count && blocks[end] < whole_blocks) ++end;
            order.permute(blocks.subspan(i, end - i));
            i = end + 1;
        }
        for (std::size_t i = 0; i < count; ++i)
            out[start + i] =
                static_cast<std::int64_t>(blocks[i] * block_rows + places[i] % block_rows);
    }
}

// In place; `places` are neighbours in increasing order.
void SampleOrder::permute_windows(std::uint32_t epoch, std::span<std::uint64_t> places) const {
    const auto window_rows = static_cast<std::uint64_t>(window_rows_);
    for (std::size_t done = 0; done < places.size();) {
        const std::uint64_t window = places[done] / window_rows, start = window * window_rows;
        const std::uint64_t size =
            std::min<std::uint64_t>(window_rows, static_cast<std::uint64_t>(rows_) - start);
        const simd::Permutation inside(
            key_.seed, key_.node + window_stride * static_cast<std::uint32_t>(window + 1), epoch,
            size);
        const std::size_t count =
            std::min<std::uint64_t>(places.size() - done, start + size - places[done]);
        const auto own = places.subspan(done, count);
        for (std::uint64_t& place : own) place -= start;
        inside.permute(own);
        for (std::uint64_t& place : own) place += start;
        done += count;
    }
}

}  // namespace narrows::datasets
