// Where a DatasetWriter puts the rows of /samples. Private to the storage room. One rule: space is
// reserved before the library writes, so that a full disk is our error and not its crash.
#pragma once

#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/h5.hpp"

namespace narrows::storage {

class RowSink {
public:
    virtual ~RowSink();
    virtual void append(std::span<const std::byte> rows, const Loop& loop) = 0;
    // All rows are in: the file, open for the small things beside them.
    virtual h5::Handle finish(std::int64_t rows, std::uint64_t more_bytes) = 0;
};

struct SinkTarget {
    std::filesystem::path temporary, path;  // written to; named in errors
    int file = -1;                          // of the temporary
    DatasetLayout layout;
    std::size_t row_bytes = 0;
};
inline constexpr std::uint64_t library_slack = 1u << 20;  // HDF5's own structures

std::unique_ptr<RowSink> contiguous_sink(const SinkTarget& target);
std::unique_ptr<RowSink> chunked_sink(const SinkTarget& target);

}  // namespace narrows::storage
