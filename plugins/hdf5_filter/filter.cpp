// The codec as a filter that HDF5 loads by itself: h5py, h5dump, h5repack and netCDF tools read
// compressed datasets. One rule: HDF5 calls it under its own lock, one thread at a time; nothing
// may leave it as an exception, and a failure is 0 bytes with a text on HDF5's error stack.
//
// Values that stand with the filter in the file: version, type, bytes of a chunk, and where there
// is a model eight words of its SHA-256. The model is looked for in the file that is being read,
// under
// /.models, then on NARROWS_MODEL_PATH, as `narrows decompress` does; but through HDF5 as it is in
// the program, not through the storage room, which would change what the library does there.
#include <hdf5.h>

#include <H5PLextern.h>

#include <cstring>
#include <map>
#include <optional>

#include "pipeline/codec/chunk.hpp"
#include "pipeline/codec/models.hpp"

namespace {

using narrows::codec::Bytes;
using narrows::codec::Damaged;
using narrows::codec::Model;
using narrows::storage::Numeric;

constexpr H5Z_filter_t identifier = narrows::storage::codec_filter;
constexpr std::size_t plain_values = 3, model_values = 11;
constexpr hsize_t largest_model = 64u << 20, largest_chunk = 64u << 20;

void say(const std::string& text) {
    H5Epush2(H5E_DEFAULT, __FILE__, "narrows filter", __LINE__, H5E_ERR_CLS, H5E_PLINE,
             H5E_READERROR, "%s", text.c_str());
}

std::optional<Bytes> model_in_file(hid_t object, const std::string& name) {
    if (H5Lexists(object, "/.models", H5P_DEFAULT) <= 0 ||
        H5Lexists(object, name.c_str(), H5P_DEFAULT) <= 0)
        return std::nullopt;
    const hid_t dataset = H5Dopen2(object, name.c_str(), H5P_DEFAULT);
    if (dataset < 0) return std::nullopt;
    const hsize_t size = H5Dget_storage_size(dataset);
    std::optional<Bytes> bytes;
    if (size > 0 && size <= largest_model) {
        bytes.emplace(static_cast<std::size_t>(size));
        if (H5Dread(dataset, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes->data()) < 0)
            bytes.reset();
    }
    H5Dclose(dataset);
    return bytes;
}

// The file is not told to a filter: it is one of those that are open. h5py closes file identifiers
// early, so groups and datasets are asked too.
std::optional<Bytes> model_in_open_files(const std::string& hash) {
    hid_t objects[64];
    constexpr unsigned kinds = H5F_OBJ_FILE | H5F_OBJ_DATASET | H5F_OBJ_GROUP;
    const ssize_t count =
        H5Fget_obj_ids(static_cast<hid_t>(H5F_OBJ_ALL), kinds, std::size(objects), objects);
    for (ssize_t i = 0; i < count; ++i)
        if (std::optional<Bytes> bytes = model_in_file(objects[i], "/.models/" + hash))
            if (narrows::codec::hash_of(*bytes) == hash) return bytes;
    return std::nullopt;
}

// Of a compressed file on the path.
std::optional<Bytes> model_in_other_file(const std::filesystem::path& path,
                                         const std::string& hash) {
    std::optional<Bytes> bytes;
    H5E_BEGIN_TRY {  // nothing is printed of what is no file of HDF5
        const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
        if (file >= 0) {
            bytes = model_in_file(file, "/.models/" + hash);
            H5Fclose(file);
        }
    }
    H5E_END_TRY
    return bytes;
}

std::shared_ptr<const Model> find_model(const unsigned* words) {
    std::string hash;
    for (std::size_t word = 0; word < 8; ++word)
        for (int shift = 28; shift >= 0; shift -= 4)
            hash += "0123456789abcdef"[words[word] >> shift & 15u];
    static std::map<std::string, std::shared_ptr<const Model>> known;
    if (const auto found = known.find(hash); found != known.end()) return found->second;
    std::optional<Bytes> bytes = model_in_open_files(hash);
    if (!bytes) bytes = narrows::codec::find_model(hash, model_in_other_file);
    if (!bytes) {
        say("the model " + hash +
            " is neither in this file under /.models nor on NARROWS_MODEL_PATH");
        return nullptr;
    }
    if (known.size() > 64) known.clear();
    return known[hash] = narrows::codec::read_model(*bytes);
}

std::size_t hand_over(std::span<const std::byte> bytes, std::size_t* buffer_bytes, void** buffer) {
    void* const memory = H5allocate_memory(bytes.size(), false);
    if (memory == nullptr) return 0;
    std::memcpy(memory, bytes.data(), bytes.size());
    H5free_memory(*buffer);
    *buffer = memory;
    *buffer_bytes = bytes.size();
    return bytes.size();
}

std::size_t run(unsigned flags, std::size_t value_count, const unsigned values[], std::size_t bytes,
                std::size_t* buffer_bytes, void** buffer) {
    if (value_count < plain_values || values[0] != 1 ||
        values[1] > static_cast<unsigned>(Numeric::f64) || values[2] > largest_chunk) {
        say("filter parameters of another version: use a newer narrows");
        return 0;
    }
    const auto type = static_cast<Numeric>(values[1]);
    const std::span<const std::byte> from(static_cast<const std::byte*>(*buffer), bytes);
    if ((flags & H5Z_FLAG_REVERSE) == 0) {
        // Others write through HDF5 without a bound: exactly.
        const narrows::Shape shape{
            static_cast<std::int64_t>(bytes / narrows::storage::size_of(type))};
        narrows::codec::ChunkReport report;
        return hand_over(narrows::codec::encode_chunk({}, type, shape, from, report), buffer_bytes,
                         buffer);
    }
    std::shared_ptr<const Model> model;
    if (value_count >= model_values && !(model = find_model(values + plain_values))) return 0;
    Bytes chunk(values[2]);
    if (!narrows::codec::decode_chunk(from, type, model.get(), chunk)) {
        say("a chunk fails its checksum: the file is damaged");
        return 0;
    }
    return hand_over(chunk, buffer_bytes, buffer);
}

std::size_t filter(unsigned flags, std::size_t value_count, const unsigned values[],
                   std::size_t bytes, std::size_t* buffer_bytes, void** buffer) {
    try {
        return run(flags, value_count, values, bytes, buffer_bytes, buffer);
    } catch (const Damaged&) {
        say("the model is damaged");
    } catch (const std::exception& error) {
        say(error.what());
    }
    return 0;
}

std::optional<Numeric> type_of(hid_t type) {
    const std::size_t size = H5Tget_size(type);
    const H5T_class_t kind = H5Tget_class(type);
    const bool whole = kind == H5T_INTEGER;
    if (!whole && kind != H5T_FLOAT) return std::nullopt;
    if (size > 1 && H5Tget_order(type) != H5T_ORDER_LE) return std::nullopt;
    const bool minus = whole && H5Tget_sign(type) != H5T_SGN_NONE;
    switch (size) {
        case 1:
            return minus ? Numeric::i8 : Numeric::u8;
        case 2:
            return !whole ? Numeric::f16 : minus ? Numeric::i16 : Numeric::u16;
        case 4:
            return !whole ? Numeric::f32 : minus ? Numeric::i32 : Numeric::u32;
        case 8:
            return !whole ? Numeric::f64 : minus ? Numeric::i64 : Numeric::u64;
        default:
            return std::nullopt;
    }
}

htri_t can_apply(hid_t, hid_t type, hid_t) {
    return type_of(type) ? 1 : 0;
}

// Somebody makes a dataset with the filter, or copies one.
herr_t set_local(hid_t list, hid_t type, hid_t) {
    const std::optional<Numeric> number = type_of(type);
    hsize_t extents[H5S_MAX_RANK] = {};
    const int rank = H5Pget_chunk(list, H5S_MAX_RANK, extents);
    if (!number || rank < 1) return -1;
    hsize_t bytes = H5Tget_size(type);
    for (int axis = 0; axis < rank; ++axis) bytes *= extents[axis];
    if (bytes > largest_chunk) return -1;
    unsigned values[model_values] = {};
    std::size_t count = model_values;
    unsigned flags = 0;
    if (H5Pget_filter_by_id2(list, identifier, &flags, &count, values, 0, nullptr, nullptr) < 0)
        return -1;
    values[0] = 1;
    values[1] = static_cast<unsigned>(*number);
    values[2] = static_cast<unsigned>(bytes);
    return H5Pmodify_filter(list, identifier, flags,
                            count >= model_values ? model_values : plain_values, values);
}

const H5Z_class2_t description{H5Z_CLASS_T_VERS, identifier, 1,         1,
                               "narrows",        can_apply,  set_local, filter};

}  // namespace

extern "C" {
__attribute__((visibility("default"))) H5PL_type_t H5PLget_plugin_type(void) {
    return H5PL_TYPE_FILTER;
}
__attribute__((visibility("default"))) const void* H5PLget_plugin_info(void) {
    return &description;
}
}
