// Checksums of rows: XXH3-128 of each 4096 rows of a dataset, in `/check` and its path as u64 [B,
// 2], low and high half. Private to the storage room.
#pragma once

#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/hash.hpp"

namespace narrows::storage {

inline constexpr std::int64_t hashed_rows = 4096;

inline std::int64_t hashed_blocks(std::int64_t rows) {
    return (rows + hashed_rows - 1) / hashed_rows;
}

// Rows go in in order, the hash of each block comes out when its last row is there.
class BlockHashes {
public:
    using Take = FunctionRef<void(std::int64_t block, Hash128 hash)>;

    explicit BlockHashes(std::size_t row_bytes) : row_bytes_(row_bytes) {}
    std::int64_t rows() const { return rows_; }
    void add(const void* rows, std::int64_t count, Take take);
    void finish(Take take);  // the last block, where it is not full
    // Rows up to here are missing: blocks that hold some of them have no hash.
    void skip_to(std::int64_t row);
    // As if the first `rows` had been added; those of the block that is not full are read.
    void go_on_at(std::int64_t rows,
                  FunctionRef<void(std::int64_t first, std::int64_t count, std::byte* out)> read);

private:
    std::size_t row_bytes_;
    std::int64_t rows_ = 0;
    bool some_missing_ = false;  // of the block that is not full
    HashStream block_;
};

// What to say of a block whose hash is not what it was.
std::string damaged_rows(const std::filesystem::path& path, const ArrayInfo& info,
                         std::int64_t block);

// Of the rows of `info`, as they stand in the same file: low and high half of each block. Empty
// where there are none that can be theirs.
std::vector<std::uint64_t> read_checksums(const ArrayFile& file, const FileInfo& contents,
                                          const ArrayInfo& info);

}  // namespace narrows::storage
