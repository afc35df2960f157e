// Whole files: verified from end to end, and copied into plain ones. One rule: damage is named by
// dataset and rows, and does not hide what comes after it.
#pragma once

#include <filesystem>

#include "pipeline/storage/array_file.hpp"

namespace narrows::storage {

// What narrows writes beside samples: XXH3-128 of blocks of their rows, and as an attribute of all.
inline constexpr std::string_view checks_group = "/check", checksum_attribute = "xxh3_128";
inline std::string checksums_of(const std::string& dataset) {
    return std::string(checks_group) + dataset;
}
inline bool are_checksums(const std::string& dataset) {
    return dataset.starts_with(checks_group) && dataset.size() > checks_group.size() &&
           dataset[checks_group.size()] == '/';
}

struct FileCheck {
    std::size_t datasets = 0;
    std::uint64_t bytes = 0;            // decoded
    std::size_t checksums = 0;          // of blocks of rows, that were there and held
    std::vector<std::string> problems;  // at most 100; empty: every value can be read
};
// Decodes every value of an HDF5 file, and compares it with the checksums of rows where narrows
// wrote them. Throws Error{Fault::input} where the file cannot be opened at all.
NARROWS_PUBLIC FileCheck check_file(const std::filesystem::path& path);

// Of joined parts the rows are carried over, the list of parts (/shards) is not.
NARROWS_PUBLIC bool is_of_shards(const std::string& dataset);
NARROWS_PUBLIC void without_shards(FileInfo& info);

// One plain file out of any HDF5 file that can be read: every dataset contiguous and little-endian,
// with what stands beside it (exact.hpp). Returns what could not be carried over. Atomic. Throws
// Error{Fault::input} at the first value that cannot be read, Fault::usage for models and
// checkpoints, which must stay as they are.
NARROWS_PUBLIC std::vector<std::string> repack(const std::filesystem::path& from,
                                               const std::filesystem::path& to);

}  // namespace narrows::storage
