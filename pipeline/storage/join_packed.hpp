// Compressed parts in one file: their chunks as they are, packed by whoever packed them. Private to
// the storage room. One rule: a chunk is copied, never decoded.
#pragma once

#include "pipeline/storage/link_parts.hpp"

namespace narrows::storage {

inline bool is_packed_format(const FileInfo& info) {
    return info.format == "narrows-compressed";
}

// A dataset of the first part that goes on in the others.
bool goes_on(const ArrayInfo& array, const std::vector<OpenedPart>& parts);

// Every part has the datasets that go on, with its rows, and nothing else but models; the first one
// may have more. Throws Error{Fault::input}.
void check_packed_rows(const std::vector<OpenedPart>& parts);

// `info` as the whole has it. Datasets that only the first part has come from there.
void copy_packed(const std::vector<OpenedPart>& parts, const FileInfo& info,
                 const std::filesystem::path& to);

}  // namespace narrows::storage
