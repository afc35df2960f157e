// Decodes chunks without the library: it is asked once for a chunk's place, then the bytes are read
// and unpacked outside its lock, by as many threads as come. Private to the storage room.
#pragma once

#include "pipeline/storage/file.hpp"
#include "pipeline/storage/h5.hpp"

namespace narrows::storage {

class ChunkReader {
public:
    // Null where the library must read: other filters than shuffle and deflate, a user block,
    // unfiltered edges, or so many chunks that finding them costs more than it gains.
    static std::unique_ptr<ChunkReader> make(const std::filesystem::path& path, hid_t file,
                                             hid_t dataset, const std::string& name);

    // Rows [first, first + count) as stored. Thread-safe; takes the library's lock for moments.
    void read(std::int64_t first, std::int64_t count, std::byte* out) const;

private:
    struct Place {
        std::uint64_t address = 0, bytes = 0;  // no bytes: never written, all fill value
        std::uint32_t mask = 0;                // bit i: filter i was left out
    };
    struct Rows {
        std::int64_t first, last;
        std::byte* out;
    };
    ChunkReader() = default;
    Place find(std::size_t number, const hsize_t* corner) const;
    void unpack(const Place& place, std::span<std::byte> chunk) const;
    void read_chunk(std::size_t number, const hsize_t* corner, const Rows& rows) const;
    void scatter(std::span<const std::byte> chunk, const hsize_t* corner, const Rows& rows) const;

    std::filesystem::path path_;
    std::string name_;
    Descriptor file_;
    std::uint64_t file_bytes_ = 0;
    hid_t dataset_ = H5I_INVALID_HID;  // borrowed
    std::size_t rank_ = 0, value_bytes_ = 0, chunk_bytes_ = 0, row_bytes_ = 0;
    std::vector<hsize_t> extent_, chunk_, grid_;  // grid: chunks along each axis
    int shuffle_ = -1, deflate_ = -1;             // their numbers in the pipeline
    std::vector<std::byte> fill_;                 // one value
    mutable std::mutex mutex_;
    mutable std::vector<std::optional<Place>> places_;
};

}  // namespace narrows::storage
