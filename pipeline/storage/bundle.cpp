#include "pipeline/storage/bundle.hpp"

#include <algorithm>
#include <numeric>

#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/h5.hpp"
#include "pipeline/storage/hash.hpp"
#include "pipeline/storage/header.hpp"

namespace narrows::storage {

const std::string* text_attribute(std::span<const std::pair<std::string, Attribute>> attributes,
                                  std::string_view name) {
    for (const auto& [key, value] : attributes)
        if (key == name) return std::get_if<std::string>(&value);
    return nullptr;
}

namespace {

// HDF5's own share of a file: groups, headers, attributes. Generous.
std::uint64_t overhead_bytes(const Bundle& bundle) {
    std::uint64_t bytes = 64 * 1024 + 2048 * bundle.arrays.size();
    for (const auto& [name, value] : bundle.attributes) {
        const auto* text = std::get_if<std::string>(&value);
        bytes += 256 + name.size() + (text == nullptr ? 8 : text->size());
    }
    return bytes;
}

// The empty datasets at their places; the library never writes an array's bytes.
std::vector<h5::Place> lay_out(const std::filesystem::path& temporary, int file,
                               const Bundle& bundle, const std::filesystem::path& path) {
    const h5::Library library;
    h5::Handle target = h5::create(temporary, {.user_block = header_bytes});
    std::uint64_t bytes = overhead_bytes(bundle);
    for (const Array& array : bundle.arrays) bytes += array.bytes.size();
    std::vector<h5::Place> places;
    try {
        reserve(file, bytes, path);
        h5::put_identity(target, bundle.format, bundle.attributes, path);
        const h5::Handle list = h5::dataset_list();
        H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
        for (const Array& array : bundle.arrays) {
            const h5::Handle dataset = h5::make_dataset(
                target, array.path, h5::stored_type(array.type), array.shape, list, path);
            h5::put(dataset, "xxh3_64", to_text(hash_64(array.bytes.data(), array.bytes.size())),
                    path);
            places.push_back(h5::place_of(dataset));
            if (places.back().bytes != array.bytes.size())
                throw Error(Fault::run,
                            "array " + array.path + " has " + std::to_string(array.bytes.size()) +
                                " bytes, its shape " + to_string(array.shape) + " asks for others");
        }
    } catch (...) {
        target.abandon();  // closing would write to what is already given up
        throw;
    }
    if (!target.close()) h5::fail_write(path, "HDF5 could not finish the file");
    return places;
}

// Writes the arrays to their places and gives the hash of all behind the header: the library's own
// bytes as they stand in the file, the arrays' as they leave memory, a block at a time, which is
// then in the cache for both.
Hash128 write_arrays(int file, std::span<const Array> arrays, std::span<const h5::Place> places,
                     const std::filesystem::path& path) {
    constexpr std::size_t block = 1 << 18;
    std::vector<std::size_t> order(arrays.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return places[a].offset < places[b].offset; });
    HashStream hash;
    std::uint64_t done = header_bytes;
    for (const std::size_t i : order) {
        const std::span<const std::byte> bytes = arrays[i].bytes;
        if (bytes.empty()) continue;  // has no place
        add_file(hash, file, done, places[i].offset, path);
        for (std::size_t at = 0; at < bytes.size(); at += block) {
            const auto part = bytes.subspan(at, std::min(block, bytes.size() - at));
            hash.add(part.data(), part.size());
            write_at(file, part.data(), part.size(), places[i].offset + at, path);
        }
        done = places[i].offset + bytes.size();
    }
    add_file(hash, file, done, file_bytes(file, path), path);
    return hash.value();
}

Type type_of_dataset(hid_t dataset, const std::string& name, const std::filesystem::path& path) {
    const h5::Handle type(H5Dget_type(dataset));
    for (const Type ours : {Type::f32, Type::f64, Type::i64, Type::i32, Type::u8})
        if (H5Tequal(type, h5::stored_type(ours)) > 0) return ours;
    h5::fail_read(path, "dataset " + name + " has a type that no narrows model uses");
}

Array read_array(int file, hid_t dataset, const std::string& name,
                 const std::filesystem::path& path) {
    Array array{name, type_of_dataset(dataset, name, path), h5::extents(dataset), {}};
    const h5::Place place = h5::place_of(dataset);
    const std::uint64_t bytes =
        static_cast<std::uint64_t>(array.shape.elements()) * size_of(array.type);
    if (place.bytes != bytes) h5::fail_read(path, "dataset " + name + " is not contiguous");
    array.bytes.resize(bytes);
    read_at(file, array.bytes.data(), bytes, place.offset, path);
    const std::string hash = to_text(hash_64(array.bytes.data(), array.bytes.size()));
    if (h5::text_or(h5::get(dataset, "xxh3_64")) != hash)
        h5::fail_read(path, "array " + name + " fails its checksum");
    return array;
}

struct ListWalk {
    int file;
    const std::filesystem::path& path;
    std::vector<Array>& arrays;
    std::string prefix;
    std::exception_ptr failure;
};

herr_t list_entry(hid_t group, const char* name, const H5L_info_t*, void* out) {
    ListWalk& walk = *static_cast<ListWalk*>(out);
    try {
        const std::string full = walk.prefix + "/" + name;
        const h5::Handle object(H5Oopen(group, name, H5P_DEFAULT));
        h5::read_ok(object, walk.path, full);
        if (H5Iget_type(object) == H5I_DATASET) {
            walk.arrays.push_back(read_array(walk.file, object, full, walk.path));
        } else if (H5Iget_type(object) == H5I_GROUP) {
            ListWalk inner{walk.file, walk.path, walk.arrays, full, {}};
            if (H5Literate(object, H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, list_entry, &inner) <
                0)
                h5::fail_read(walk.path, full);
            if (inner.failure) std::rethrow_exception(inner.failure);
        }
        return 0;
    } catch (...) {  // an exception must not pass through the C library
        walk.failure = std::current_exception();
        return 1;
    }
}

}  // namespace

const Array* Bundle::find(std::string_view path) const {
    const auto found = std::find_if(arrays.begin(), arrays.end(),
                                    [&](const Array& array) { return array.path == path; });
    return found == arrays.end() ? nullptr : &*found;
}

const Attribute* Bundle::attribute(std::string_view name) const {
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    return found == attributes.end() ? nullptr : &found->second;
}

void write_bundle(const std::filesystem::path& path, const Bundle& bundle) {
    AtomicFile target(path);
    const Descriptor file = open_to_write(target.temporary());
    const std::vector<h5::Place> places =
        lay_out(target.temporary(), file.number(), bundle, target.path());
    const Hash128 payload = write_arrays(file.number(), bundle.arrays, places, target.path());
    release_surplus(file.number());
    write_header(file.number(), {bundle.step}, payload, target.path());
    target.commit();
}

Bundle read_bundle(const std::filesystem::path& path, std::string_view format) {
    const Descriptor file = open_to_read(path);
    Bundle bundle;
    bundle.step = verify_header(file.number(), path).step;

    const h5::Library library;
    const h5::Handle source = h5::open(path);
    bundle.format = h5::text_or(h5::get(source, "format"));
    if (!format.empty() && bundle.format != format)
        throw Error(
            Fault::input,
            in_quotes(path) + " is a " + bundle.format + ", expected a " + std::string(format),
            "name another file");
    h5::check_version(source, path);
    for (auto& [name, value] : h5::get_all(source))
        if (name != "format" && name != "format_version" && name != "created_by")
            bundle.attributes.emplace_back(name, std::move(value));

    ListWalk walk{file.number(), path, bundle.arrays, "", {}};
    if (H5Literate(source, H5_INDEX_CRT_ORDER, H5_ITER_INC, nullptr, list_entry, &walk) < 0)
        h5::fail_read(path, "its list of arrays cannot be read");
    if (walk.failure) std::rethrow_exception(walk.failure);
    return bundle;
}

}  // namespace narrows::storage
