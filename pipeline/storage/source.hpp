// Where the structure of an HDF5 file comes from: the library in this process for files that vouch
// for themselves (or that the user trusts), a small limited process for all others. Private to the
// storage room. One rule: what a source of the second kind says is checked against the file before
// it is used.
#pragma once

#include <memory>

#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/file.hpp"

namespace narrows::storage {

enum class Filter : std::uint8_t { shuffle, deflate, fletcher32, lz4, blosc, codec };

struct ChunkPlace {
    std::uint64_t address = 0, bytes = 0;  // no bytes: never written, all fill value
    std::uint32_t mask = 0;                // bit i: filter i was left out
};

// Where the values of a dataset are and how they were packed.
struct ArrayLayout {
    enum class Kind : std::uint8_t {
        contiguous,  // at `offset`
        chunks,      // at `chunks`, through `filters`
        parts,       // in the files that /shards names
        library,     // only HDF5 can read it
    };
    ArrayInfo info;
    std::size_t value_bytes = 0;
    Kind kind = Kind::library;
    std::uint64_t offset = 0;
    std::vector<Filter> filters;
    std::vector<ChunkPlace> chunks;  // row-major over the grid
    std::vector<std::byte> fill;     // one value
    std::uint64_t row_bytes() const;
};
// HDF5 1.10 walks through its index for each question: beyond, the library reads.
inline constexpr std::size_t most_chunks = 8192;
inline constexpr std::size_t largest_chunk = 64u << 20;

// Thread-safe.
class Source {
public:
    virtual ~Source();
    virtual FileInfo look() = 0;
    virtual ArrayLayout layout(const std::string& dataset) = 0;
    // As stored, in the file's byte order; the range is inside and not empty.
    virtual void read(const ArrayLayout& layout, std::int64_t first, std::int64_t count,
                      std::byte* out) = 0;
};

// `opened` is what HDF5 opens, `shown` what errors name. Strict: the rules for files of strangers.
std::unique_ptr<Source> library_source(const std::filesystem::path& shown,
                                       const std::filesystem::path& opened, bool strict);
std::unique_ptr<Source> probe_source(const std::filesystem::path& shown, int file);

// Throws Fault::input where a layout cannot be true of a file of that size.
void check_layout(const ArrayLayout& layout, std::uint64_t file_bytes,
                  const std::filesystem::path& path);

}  // namespace narrows::storage
