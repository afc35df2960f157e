// A plain file with given datasets, filled by positioned writes from many threads. One rule: it is
// laid out and closed before the first value comes, and appears under its name when it is whole.
#pragma once

#include "pipeline/storage/array_file.hpp"

namespace narrows::storage {

class NARROWS_PUBLIC RestoredWriter {
public:
    // Contiguous and little-endian, with what `info` has beside values: attributes, groups, links,
    // scales. Throws Error{Fault::input} where `info` was of a file with parts that cannot be
    // opened.
    RestoredWriter(const std::filesystem::path& path, const FileInfo& info);
    ~RestoredWriter();  // removes the temporary unless committed
    // Whole rows of dataset `number` of info.arrays. Thread-safe for rows that do not overlap.
    void write(std::size_t number, std::int64_t first_row, std::span<const std::byte> rows) const;
    void commit();

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace narrows::storage
