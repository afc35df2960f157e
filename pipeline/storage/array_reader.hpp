// How rows are fetched: by positioned reads, or block by block through a decoder. Private to the
// storage room.
#pragma once

#include <array>
#include <list>
#include <unordered_map>

#include "pipeline/storage/chunk_reader.hpp"

namespace narrows::storage {

// Everything but the way of fetching: ranges, conversion, text.
class RowReader : public ArrayReader {
public:
    RowReader(std::filesystem::path path, ArrayInfo info, std::size_t bytes_of_value);
    ~RowReader() override;
    const ArrayInfo& info() const final { return info_; }
    void read(std::int64_t first, std::int64_t count, std::byte* out) const final;
    void read(std::int64_t first, std::int64_t count, float* out, bool unpack) const final;
    std::vector<std::string> read_text(std::int64_t first, std::int64_t count) const final;

protected:
    // As stored, in the file's byte order; the range is inside and not empty.
    virtual void fetch(std::int64_t first, std::int64_t count, std::byte* out) const = 0;
    std::int64_t rows() const { return info_.shape.rank() == 0 ? 1 : info_.shape[0]; }
    std::size_t row_bytes() const { return row_values_ * bytes_of_value_; }

    const std::filesystem::path path_;
    const ArrayInfo info_;
    const std::size_t bytes_of_value_;
    std::size_t row_values_ = 1;

private:
    void check_range(std::int64_t first, std::int64_t count) const;
};

// Contiguous data: no library, no lock.
class ContiguousReader final : public RowReader {
public:
    ContiguousReader(std::filesystem::path path, const ArrayLayout& layout, SharedFile file);
    ~ContiguousReader() override;

protected:
    void fetch(std::int64_t first, std::int64_t count, std::byte* out) const override;

private:
    SharedFile file_;
    std::uint64_t offset_;
};

// Chunked data, and all that only the library can read. Whole rows of chunks go straight to the
// caller; parts of them come from a bounded cache of decoded ones, so that neither small batches
// nor single rows decode a chunk twice in a row.
class ChunkedReader final : public RowReader {
public:
    static constexpr std::size_t cache_bytes = 64u << 20;  // or two blocks, where they are larger
    static constexpr std::size_t largest_block = 512u << 20;
    ChunkedReader(std::filesystem::path path, const ArrayLayout& layout, SharedFile file,
                  std::shared_ptr<Source> source,
                  std::shared_ptr<const ChunkDecoder> decoder = nullptr);
    ~ChunkedReader() override;
    std::uint64_t reading_bytes(std::size_t threads) const override;

protected:
    void fetch(std::int64_t first, std::int64_t count, std::byte* out) const override;

private:
    using Block = std::shared_ptr<const std::vector<std::byte>>;
    Block find(std::int64_t number) const;  // null: not there
    Block block(std::int64_t number) const;
    void decode(std::int64_t first, std::int64_t count, std::byte* out) const;
    std::size_t most_cached() const;

    std::int64_t block_rows_ = 0;  // 0: no cache, every range is decoded alone
    ArrayLayout layout_;
    std::unique_ptr<ChunkReader> chunks_;  // null: the source reads
    std::shared_ptr<Source> source_;
    mutable std::mutex mutex_;                     // of the cache; never held while decoding
    mutable std::array<std::mutex, 16> decoding_;  // by block: nobody decodes one twice
    mutable std::list<std::pair<std::int64_t, Block>> recent_;  // newest first
    mutable std::unordered_map<std::int64_t, std::list<std::pair<std::int64_t, Block>>::iterator>
        places_;
    mutable std::size_t cached_ = 0;
};

}  // namespace narrows::storage
