// The file of `join` whose datasets are HDF5's virtual ones over the parts. Private to the storage
// room. One rule: every part is seen through HDF5 before the file has its name.
#pragma once

#include "pipeline/storage/array_rows.hpp"
#include "pipeline/storage/parts_reader.hpp"

namespace narrows::storage {

// A part as it says that it is.
struct OpenedPart {
    std::filesystem::path path;
    FileInfo info;
    std::int64_t number = 0, count = 0, first_row = 0, all_rows = 0;
};

const ArrayInfo* find_array(const FileInfo& info, const std::string& path);

// As it was when its part was looked at, for memory is made by that. Throws Error{Fault::input}
// where it is another one now.
std::unique_ptr<ArrayReader> open_as(const ArrayFile& file, const ArrayInfo& seen);

inline constexpr std::size_t joined_at_once = 8u << 20;  // bytes

// `info` as the whole has it; the parts are in order and all there. Throws Error{Fault::usage}: a
// part outside of the folder of `to`.
void link_parts(const std::vector<OpenedPart>& parts, const FileInfo& info,
                const std::filesystem::path& to);

}  // namespace narrows::storage
