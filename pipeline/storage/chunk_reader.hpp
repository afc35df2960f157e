// Decodes chunks without the library: where they are is known, the bytes are read and unpacked by
// as many threads as come, and by those of storage::loop(). Private to the storage room.
#pragma once

#include <mutex>

#include "pipeline/storage/unpack.hpp"

namespace narrows::storage {

using SharedFile = std::shared_ptr<const Descriptor>;

class ChunkReader {
public:
    // `layout` has been checked.
    ChunkReader(std::filesystem::path path, SharedFile file, const ArrayLayout& layout,
                std::shared_ptr<const ChunkDecoder> decoder = nullptr);
    ~ChunkReader();

    // Rows [first, first + count) as stored. Thread-safe.
    void read(std::int64_t first, std::int64_t count, std::byte* out) const;

private:
    struct Rows {
        std::int64_t first, last;
        std::byte* out;
    };
    using Corner = std::uint64_t[Shape::max_rank];
    void unpack_into(std::span<std::byte> chunk, const ChunkPlace& place, const Corner& corner,
                     Scratch& scratch) const;
    void read_chunk(std::size_t number, const Rows& rows, Scratch& scratch) const;
    void read_chunks(std::size_t begin, std::size_t end, const Rows& rows) const;
    void scatter(std::span<const std::byte> chunk, const Corner& corner, const Rows& rows) const;
    std::unique_ptr<Scratch> take_scratch() const;

    const std::filesystem::path path_;
    const SharedFile file_;
    const ArrayLayout layout_;
    const std::shared_ptr<const ChunkDecoder> decoder_;  // of the codec's chunks
    std::size_t rank_, chunk_bytes_, row_bytes_;
    std::vector<std::uint64_t> extent_, chunk_, grid_;  // grid: chunks along each axis
    mutable std::mutex mutex_;                          // of what follows
    mutable std::vector<std::unique_ptr<Scratch>> scratch_;
};

}  // namespace narrows::storage
