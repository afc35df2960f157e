#include "pipeline/codec/models.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <mutex>
#include <sstream>

#include "pipeline/codec/model.hpp"
#include "pipeline/storage/array_file.hpp"

namespace narrows::codec {

namespace {

using storage::ArrayFile;

std::mutex guard;
std::vector<std::filesystem::path>& places() {
    static std::vector<std::filesystem::path> list;
    return list;
}

Bytes rows_of(const storage::ArrayReader& reader) {
    Bytes bytes(static_cast<std::size_t>(reader.info().shape.elements()));
    reader.read(0, reader.info().shape[0], bytes.data());
    return bytes;
}

std::optional<Bytes> in_folder(const std::filesystem::path& folder, const std::string& hash) {
    std::ifstream in(folder / hash, std::ios::binary);
    if (!in) return std::nullopt;
    const std::string text((std::istreambuf_iterator<char>(in)), {});
    Bytes bytes(text.size());
    if (!text.empty()) std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
}

std::optional<Bytes> in_file(const std::filesystem::path& path, const std::string& hash) {
    try {
        const ArrayFile file(path);
        for (const storage::ArrayInfo& array : file.look().arrays)
            if (array.path == "/.models/" + hash && array.shape.rank() == 1 &&
                array.value_bytes == 1)
                return rows_of(*file.open(array.path));
    } catch (const Error&) {  // a place on the path that holds nothing
    }
    return std::nullopt;
}

std::optional<Bytes> in_place(const std::filesystem::path& place, const std::string& hash,
                              ReadModel read = in_file) {
    std::error_code ignored;
    std::optional<Bytes> bytes =
        std::filesystem::is_directory(place, ignored) ? in_folder(place, hash) : read(place, hash);
    if (bytes && hash_of(*bytes) != hash) bytes.reset();
    return bytes;
}

}  // namespace

void look_for_models_in(const std::filesystem::path& place) {
    const std::scoped_lock lock(guard);
    places().push_back(place);
}

std::optional<Bytes> find_model(const std::string& hash) {
    return find_model(hash, in_file);
}

std::optional<Bytes> find_model(const std::string& hash, ReadModel read) {
    std::vector<std::filesystem::path> all;
    {
        const std::scoped_lock lock(guard);
        all = places();
    }
    const char* const path = std::getenv("NARROWS_MODEL_PATH");
    std::istringstream list(path == nullptr ? "" : path);
    for (std::string place; std::getline(list, place, ':');)
        if (!place.empty()) all.emplace_back(place);
    for (const std::filesystem::path& place : all)
        if (std::optional<Bytes> bytes = in_place(place, hash, read)) return bytes;
    return std::nullopt;
}

std::vector<StoredModel> models_of(const std::filesystem::path& compressed) {
    const ArrayFile file(compressed);
    const storage::FileInfo info = file.look();
    if (info.format != "narrows-compressed")
        throw Error(Fault::input,
                    "\"" + compressed.string() + "\" is not a compressed file of narrows",
                    "narrows compress makes one");
    std::vector<StoredModel> models;
    for (const storage::ArrayInfo& array : info.arrays)
        for (const auto& [name, value] : array.attributes) {
            const auto* hash = std::get_if<std::string>(&value);
            if (name != "narrows_model" || hash == nullptr) continue;
            std::optional<Bytes> bytes = in_place(compressed, *hash);
            if (!bytes) bytes = find_model(*hash);
            if (!bytes)
                throw Error(
                    Fault::input,
                    "the model " + *hash + " of " + array.path + " is not in \"" +
                        compressed.string() + "\"",
                    "name the file that it was fitted for, or put that on NARROWS_MODEL_PATH");
            models.push_back({array.path, *hash, std::move(*bytes)});
        }
    return models;
}

}  // namespace narrows::codec
