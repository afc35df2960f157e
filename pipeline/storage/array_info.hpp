// What a file and its datasets are, as the library says. Private to the storage room.
#pragma once

#include "pipeline/storage/h5.hpp"

namespace narrows::storage {

// None: neither numbers nor fixed-length text (compound, references, variable length, ...), or
// beyond 8 dimensions.
std::optional<ArrayInfo> describe_array(hid_t dataset, const std::string& name);
std::size_t value_bytes(hid_t dataset);

// Refuses newer versions, and files with a row counter that are not complete (Fault::input).
void check_usable(hid_t file, const std::filesystem::path& path);

std::string damage_of(const std::filesystem::path& path, const std::string& object);
std::string attribute_of(const std::string& object);  // for damage_of()

// Everything that can be listed, by name. HDF5 keeps what it could read of an object whose header
// is damaged, and gives that as all of it when it is asked again: what cannot be opened the first
// time is noted.
FileInfo look_into(hid_t file, const std::filesystem::path& path);

}  // namespace narrows::storage
