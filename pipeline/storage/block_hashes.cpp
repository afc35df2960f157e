#include "pipeline/storage/block_hashes.hpp"

#include <algorithm>

#include "pipeline/storage/array_rows.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/whole_file.hpp"

namespace narrows::storage {

namespace {

constexpr std::size_t read_at_once = 1u << 20;

}  // namespace

void BlockHashes::add(const void* rows, std::int64_t count, Take take) {
    const auto* from = static_cast<const std::byte*>(rows);
    while (count > 0) {
        const std::int64_t here = std::min(count, hashed_rows - rows_ % hashed_rows);
        const std::size_t bytes = static_cast<std::size_t>(here) * row_bytes_;
        block_.add(from, bytes);
        from += bytes;
        count -= here;
        rows_ += here;
        if (rows_ % hashed_rows != 0) continue;
        if (!some_missing_) take(rows_ / hashed_rows - 1, block_.value());
        some_missing_ = false;
        block_.restart();
    }
}

void BlockHashes::finish(Take take) {
    if (rows_ % hashed_rows != 0 && !some_missing_) take(rows_ / hashed_rows, block_.value());
}

void BlockHashes::skip_to(std::int64_t row) {
    rows_ = row;
    some_missing_ = row % hashed_rows != 0;
    block_.restart();
}

void BlockHashes::go_on_at(
    std::int64_t rows,
    FunctionRef<void(std::int64_t first, std::int64_t count, std::byte* out)> read) {
    skip_to(rows / hashed_rows * hashed_rows);
    const std::int64_t step = std::clamp<std::int64_t>(
        static_cast<std::int64_t>(read_at_once / std::max<std::size_t>(1, row_bytes_)), 1,
        hashed_rows);
    std::vector<std::byte> bytes(static_cast<std::size_t>(step) * row_bytes_);
    while (rows_ < rows) {
        const std::int64_t count = std::min(step, rows - rows_);
        read(rows_, count, bytes.data());
        block_.add(bytes.data(), static_cast<std::size_t>(count) * row_bytes_);
        rows_ += count;
    }
}

std::string damaged_rows(const std::filesystem::path& path, const ArrayInfo& info,
                         std::int64_t block) {
    const std::int64_t first = block * hashed_rows;
    const std::int64_t last = std::min(first + hashed_rows, stored_rows(info)) - 1;
    return in_quotes(path) + " is damaged: " + info.path + ", rows " + std::to_string(first) +
           " to " + std::to_string(last) + " fail their checksum";
}

std::vector<std::uint64_t> read_checksums(const ArrayFile& file, const FileInfo& contents,
                                          const ArrayInfo& info) {
    if (info.shape.rank() == 0) return {};
    for (const ArrayInfo& other : contents.arrays) {
        if (other.path != checksums_of(info.path) || !other.numeric || other.type != Numeric::u64 ||
            !(other.shape == Shape{hashed_blocks(info.shape[0]), 2}))
            continue;
        std::vector<std::uint64_t> hashes(static_cast<std::size_t>(2 * other.shape[0]));
        if (!hashes.empty())
            file.open(other.path)
                ->read(0, other.shape[0], reinterpret_cast<std::byte*>(hashes.data()));
        return hashes;
    }
    return {};
}

}  // namespace narrows::storage
