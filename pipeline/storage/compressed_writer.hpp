// Writes files whose datasets are chunks that somebody else packed (pipeline/codec), with all that
// stands beside them. One rule: it is a temporary until commit(), and space is reserved before HDF5
// writes.
#pragma once

#include "pipeline/storage/array_file.hpp"

namespace narrows::storage {

struct PackedLayout {
    std::string path;
    Numeric type = Numeric::f32;
    Shape shape;                  // rank >= 1, no extent of 0
    std::int64_t chunk_rows = 1;  // chunks hold whole rows
    std::string model;            // its hash, or empty: what the filter is told
    std::vector<std::pair<std::string, Attribute>> attributes;  // more than `beside` has
    Beside beside;
};

class NARROWS_PUBLIC CompressedWriter {
public:
    // `format` may be empty; groups come now, links and scales at the end.
    CompressedWriter(const std::filesystem::path& path, const std::string& format,
                     FileBeside beside);
    ~CompressedWriter();  // removes the temporary unless committed
    // A plain dataset: numbers, or text of `info.value_bytes` each, with what is beside it.
    void put(const ArrayInfo& info, std::span<const std::byte> values);
    // Until the next begin() or put(): chunks of this dataset, each at its first row.
    void begin(const PackedLayout& layout);
    void chunk(std::int64_t first_row, std::span<const std::byte> stored);
    void commit();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrows::storage
