// Models that stand in other files: reused for new data, or needed to decode what holds only their
// hash. Thread-safe.
#pragma once

#include <filesystem>
#include <optional>

#include "pipeline/codec/bytes.hpp"

namespace narrows::codec {

struct StoredModel {
    std::string path;  // of the dataset that it codes
    std::string hash;
    Bytes bytes;
};

// The models of a compressed file. Throws Error{Fault::input}: not one, or a model is nowhere.
NARROWS_PUBLIC std::vector<StoredModel> models_of(const std::filesystem::path& compressed);

// Looks here before the places of NARROWS_MODEL_PATH (with colons between): a compressed file, or a
// folder of models named by their hash.
NARROWS_PUBLIC void look_for_models_in(const std::filesystem::path& place);
std::optional<Bytes> find_model(const std::string& hash);
// The same, where a compressed file is read in another way (in the HDF5 filter: by the HDF5 that
// calls it).
using ReadModel = std::optional<Bytes> (*)(const std::filesystem::path& file,
                                           const std::string& hash);
std::optional<Bytes> find_model(const std::string& hash, ReadModel in_file);

}  // namespace narrows::codec
