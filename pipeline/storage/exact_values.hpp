// Reads and writes what exact.hpp holds. Private to the storage room.
#pragma once

#include "pipeline/storage/h5.hpp"

namespace narrows::storage::h5 {

// Attributes of `object`; what cannot be copied is added to `left_out` as "NAME of `what`: reason".
// Those that say which scales belong to which axes are left to scales_of() and attach().
struct FoundAttributes {
    ExactAttributes all;
    bool whole = true;  // none is there and cannot be listed or opened
};
FoundAttributes exact_attributes(hid_t object, const std::string& what,
                                 std::vector<std::string>& left_out);
// Paths of the dimension scales of each axis; empty: none.
std::vector<std::vector<std::string>> scales_of(hid_t dataset);
// The names of an enumeration's numbers; empty for other types.
std::vector<std::pair<std::string, std::int64_t>> names_of(hid_t type);
// The fill value that somebody set, little-endian; empty: none.
std::vector<std::byte> fill_of(hid_t dataset, const ArrayInfo& info);

// As stored; not owned by anybody else.
Handle type_of(const ArrayInfo& info);
void put(hid_t object, const ExactAttribute& attribute, const std::filesystem::path& path);
// Makes groups with their attributes, before datasets.
void put_groups(hid_t file, const FileBeside& beside, const std::filesystem::path& path);
// Sets the fill value on a dataset's creation list.
void set_fill(hid_t creation_list, const ArrayInfo& info);
// After all datasets: other names, and scales to their axes.
void put_links(hid_t file, const FileBeside& beside, const std::filesystem::path& path);
void attach_scales(hid_t file, const std::string& dataset,
                   const std::vector<std::vector<std::string>>& scales);
// About what these take in a file.
std::uint64_t bytes_of(const ExactAttributes& attributes);

}  // namespace narrows::storage::h5
