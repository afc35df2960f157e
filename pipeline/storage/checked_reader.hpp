// Rows that lie as they are, with nothing that would show damage in them: before the first row of a
// block is given, the block is read and compared with its checksum. Private to the storage room.
#pragma once

#include <array>
#include <atomic>
#include <mutex>

#include "pipeline/storage/array_reader.hpp"
#include "pipeline/storage/block_hashes.hpp"

namespace narrows::storage {

class CheckedReader final : public ArrayReader {
public:
    // `checksums`: of all rows, as read_checksums() gives them. Throws Fault::input when rows of a
    // damaged block are asked for, whatever else is asked for with them.
    CheckedReader(std::filesystem::path path, std::unique_ptr<ArrayReader> rows,
                  std::vector<std::uint64_t> checksums);
    ~CheckedReader() override;
    const ArrayInfo& info() const override { return rows_->info(); }
    void read(std::int64_t first, std::int64_t count, std::byte* out) const override;
    void read(std::int64_t first, std::int64_t count, float* out, bool unpack) const override;
    std::vector<std::string> read_text(std::int64_t first, std::int64_t count) const override;
    std::uint64_t reading_bytes(std::size_t threads) const override;

private:
    void check(std::int64_t first, std::int64_t count) const;
    void check_block(std::int64_t block) const;

    const std::filesystem::path path_;
    const std::unique_ptr<ArrayReader> rows_;
    const std::vector<std::uint64_t> checksums_;
    mutable std::vector<std::atomic<bool>> whole_;  // by block: was right
    mutable std::array<std::mutex, 16> checking_;   // by block: nobody gives rows meanwhile
};

// Would damage in these rows be noticed when they are unpacked?
bool shows_damage(const ArrayLayout& layout);

}  // namespace narrows::storage
