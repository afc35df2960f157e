#include <algorithm>
#include <array>
#include <map>

#include "pipeline/storage/array_info.hpp"
#include "pipeline/storage/exact_values.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/unpack.hpp"

namespace narrows::storage {

namespace {

constexpr std::size_t most_objects = 100'000;
constexpr int deepest_group = 64;

std::string filters_of(hid_t creation_list) {
    std::string text;
    const int count = H5Pget_nfilters(creation_list);
    for (int i = 0; i < count; ++i) {
        unsigned flags = 0, values[8] = {};
        std::size_t value_count = 8;
        char name[64] = {};
        const H5Z_filter_t filter =
            H5Pget_filter2(creation_list, static_cast<unsigned>(i), &flags, &value_count, values,
                           sizeof name, name, nullptr);
        if (!text.empty()) text += "+";
        if (filter == H5Z_FILTER_DEFLATE)
            text += "deflate-" + std::to_string(values[0]);
        else if (filter == H5Z_FILTER_SHUFFLE)
            text += "shuffle";
        else if (filter == H5Z_FILTER_FLETCHER32)
            text += "fletcher32";
        else if (filter == lz4_filter)
            text += "lz4";
        else if (filter == blosc_filter)
            text += "blosc";
        else if (filter == codec_filter)
            text += "narrows";
        else
            text += "filter-" + std::to_string(filter);
    }
    return text;
}

void read_packing(hid_t dataset, ArrayInfo& info) {
    info.scale_factor = h5::number(h5::get(dataset, "scale_factor")).value_or(1);
    info.add_offset = h5::number(h5::get(dataset, "add_offset")).value_or(0);
    info.fill_value = h5::number(h5::get(dataset, "_FillValue"));
    if (!info.fill_value) info.fill_value = h5::number(h5::get(dataset, "missing_value"));
}

// Depth first, by name; every object once although links may go round in circles.
struct Walk {
    const std::filesystem::path& path;
    FileInfo& file;
    std::vector<std::pair<std::string, std::string>> bounds;    // variable -> its bounds
    std::map<std::array<unsigned char, 16>, std::string> seen;  // and its first name
    std::string prefix;
    int depth = 0;
    std::exception_ptr failure;
};

// None: it was not seen before; else its first name, or nothing where it cannot be read.
std::optional<std::string> earlier_name(hid_t object, const std::string& name, Walk& walk) {
    std::array<unsigned char, 16> key{};
    H5O_info_t info;
#if H5_VERSION_GE(1, 12, 0)
    if (H5Oget_info3(object, &info, H5O_INFO_BASIC) < 0) return "";
    static_assert(sizeof info.token == 16);
    std::copy_n(reinterpret_cast<const unsigned char*>(&info.token), 16, key.begin());
#else
    if (H5Oget_info2(object, &info, H5O_INFO_BASIC) < 0) return "";
    std::copy_n(reinterpret_cast<const unsigned char*>(&info.addr), sizeof info.addr, key.begin());
#endif
    const auto [at, fresh] = walk.seen.emplace(key, name);
    if (fresh) return std::nullopt;
    return at->second;
}

// A broken part does not hide the others.
void note_damage(const std::string& path, Walk& walk) {
    H5Eclear2(H5E_DEFAULT);
    walk.file.beside.left_out.push_back(path + ": it cannot be opened");
    walk.file.beside.damaged.push_back(damage_of(walk.path, path));
}

ExactAttributes take_attributes(hid_t object, const std::string& name, Walk& walk) {
    FileBeside& beside = walk.file.beside;
    h5::FoundAttributes found = h5::exact_attributes(object, name, beside.left_out);
    if (!found.whole) beside.damaged.push_back(damage_of(walk.path, attribute_of(name)));
    return std::move(found.all);
}

herr_t visit(hid_t group, const char* name, const H5L_info_t* link, void* out);

void enter(hid_t group, Walk& walk) {
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, nullptr, visit, &walk) < 0 && !walk.failure)
        h5::fail_read(walk.path, "group " + walk.prefix + "/ cannot be listed");
}

void look_at(hid_t object, const std::string& name, Walk& walk) {
    if (H5Iget_type(object) == H5I_GROUP) {
        if (walk.depth >= deepest_group) return;
        walk.file.beside.groups.push_back({name, take_attributes(object, name, walk)});
        const std::string outer = std::exchange(walk.prefix, name);
        ++walk.depth;
        enter(object, walk);
        --walk.depth;
        walk.prefix = outer;
        return;
    }
    std::vector<std::string>& left_out = walk.file.beside.left_out;
    if (H5Iget_type(object) != H5I_DATASET) {
        left_out.push_back(name + ": a named type");
        return;
    }
    if (!h5::Handle(H5Dget_type(object)).valid() || !h5::Handle(H5Dget_space(object)).valid())
        return note_damage(name, walk);
    std::optional<ArrayInfo> info = describe_array(object, name);
    if (!info) {
        left_out.push_back(name + ": values of its type or shape");
        return;
    }
    info->beside.attributes = take_attributes(object, name, walk);
    info->beside.scales = h5::scales_of(object);
    info->beside.fill = h5::fill_of(object, *info);
    walk.file.arrays.push_back(std::move(*info));
    const std::string bounds = h5::text_or(h5::get(object, "bounds"));
    if (!bounds.empty()) walk.bounds.emplace_back(name, walk.prefix + "/" + bounds);
}

void note_link(hid_t group, const char* name, const std::string& path, const H5L_info_t& link,
               FileBeside& beside) {
    constexpr std::size_t longest = 4096;
    std::string target(std::min<std::size_t>(link.u.val_size, longest), '\0');
    if (link.type != H5L_TYPE_SOFT || link.u.val_size > longest ||
        H5Lget_val(group, name, target.data(), target.size(), H5P_DEFAULT) < 0) {
        beside.left_out.push_back(path + ": a link to another file");
        return;
    }
    target.resize(std::min(target.size(), target.find('\0')));
    beside.links.push_back({path, target, true});
}

herr_t visit(hid_t group, const char* name, const H5L_info_t* link, void* out) {
    Walk& walk = *static_cast<Walk*>(out);
    try {
        const std::string path = walk.prefix + "/" + name;
        if (link->type != H5L_TYPE_HARD) {  // others may leave the file: kept as they are written
            note_link(group, name, path, *link, walk.file.beside);
            return 0;
        }
        const h5::Handle object(H5Oopen(group, name, H5P_DEFAULT));
        if (!object.valid()) {
            note_damage(path, walk);
            return 0;
        }
        if (const std::optional<std::string> before = earlier_name(object, path, walk)) {
            if (before->empty())
                note_damage(path, walk);
            else
                walk.file.beside.links.push_back({path, *before, false});
            return 0;
        }
        if (walk.seen.size() > most_objects)
            throw Error(Fault::input, in_quotes(walk.path) + " has more than 100000 objects",
                        "name the dataset: FILE:/dataset");
        look_at(object, path, walk);
        return walk.failure ? 1 : 0;
    } catch (...) {  // an exception must not pass through the C library
        walk.failure = std::current_exception();
        return 1;
    }
}

}  // namespace

std::size_t value_bytes(hid_t dataset) {
    const h5::Handle type(H5Dget_type(dataset));
    return H5Tget_size(type);
}

std::optional<ArrayInfo> describe_array(hid_t dataset, const std::string& name) {
    const h5::Handle type(H5Dget_type(dataset)), space(H5Dget_space(dataset));
    ArrayInfo info;
    info.path = name;
    const H5T_class_t kind = H5Tget_class(type);
    if (kind == H5T_STRING) {
        if (H5Tis_variable_str(type) != 0) return std::nullopt;
        info.numeric = false;
        info.type = Numeric::u8;
    } else {
        info.beside.names = h5::names_of(type);
        const h5::Handle plain(info.beside.names.empty() ? H5Tcopy(type) : H5Tget_super(type));
        const std::optional<Numeric> ours = h5::numeric_of(plain);
        H5Eclear2(H5E_DEFAULT);
        if (!ours) return std::nullopt;
        info.type = *ours;
        info.big_endian = size_of(*ours) > 1 && H5Tget_order(plain) == H5T_ORDER_BE;
    }
    if (H5Sget_simple_extent_type(space) == H5S_NULL ||
        H5Sget_simple_extent_ndims(space) > static_cast<int>(Shape::max_rank))
        return std::nullopt;
    info.shape = h5::extents(dataset);
    __extension__ using Wide = __int128;
    Wide bytes = static_cast<Wide>(H5Tget_size(type));
    for (const std::int64_t extent : info.shape) {
        bytes *= std::max<std::int64_t>(1, extent);  // 0 must not hide that the others overflow
        if (extent < 0 || bytes > (Wide{1} << 62)) return std::nullopt;
    }

    const h5::Handle list(H5Dget_create_plist(dataset));
    if (H5Pget_layout(list) == H5D_CHUNKED) {
        hsize_t chunk[H5S_MAX_RANK] = {};
        const int rank = H5Pget_chunk(list, H5S_MAX_RANK, chunk);
        for (int axis = 0; axis < rank; ++axis)
            info.chunk.push_back(static_cast<std::int64_t>(chunk[axis]));
        info.filters = filters_of(list);
    }
    info.stored_bytes = H5Dget_storage_size(dataset);
    info.value_bytes = H5Tget_size(type);
    info.attributes = h5::get_all(dataset);
    if (info.numeric) read_packing(dataset, info);
    return info;
}

void check_usable(hid_t file, const std::filesystem::path& path) {
    h5::check_version(file, path);
    const htri_t flag = H5Lexists(file, "complete", H5P_DEFAULT),
                 slots_there = H5Lexists(file, "rows_done", H5P_DEFAULT);
    if (flag < 0 || slots_there < 0) h5::fail_read(path, "its row counter cannot be read");
    if (flag == 0 || slots_there == 0) return;
    const h5::Handle complete(H5Dopen2(file, "complete", H5P_DEFAULT));
    const h5::Handle counter(H5Dopen2(file, "rows_done", H5P_DEFAULT));
    if (H5Sget_simple_extent_npoints(h5::Handle(H5Dget_space(complete))) != 1 ||
        H5Sget_simple_extent_npoints(h5::Handle(H5Dget_space(counter))) != 4)
        return;  // somebody else's names
    std::uint8_t done = 0;
    std::uint64_t slots[4] = {};
    if (H5Dread(complete, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, &done) < 0 ||
        H5Dread(counter, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, slots) < 0)
        h5::fail_read(path, "its row counter cannot be read");
    if (done == 1) return;
    std::uint64_t rows = 0;
    for (int slot = 0; slot < 4; slot += 2)
        if (slots[slot] == ~slots[slot + 1]) rows = std::max(rows, slots[slot]);
    throw Error(
        Fault::input,
        in_quotes(path) + " is not complete: " + std::to_string(rows) + " rows are written so far",
        "finish it with --resume, or make it again");
}

std::string attribute_of(const std::string& object) {
    return "an attribute of " + object;
}

std::string damage_of(const std::filesystem::path& path, const std::string& object) {
    return in_quotes(path) + " is damaged: " + object + " cannot be opened";
}

FileInfo look_into(hid_t file, const std::filesystem::path& path) {
    FileInfo info;
    info.attributes = h5::get_all(file);
    info.format = h5::text_or(h5::get(file, "format"));
    Walk walk{path, info, {}, {}, "", 0, {}};
    earlier_name(file, "/", walk);  // links may lead back to the root
    info.beside.attributes = take_attributes(file, "/", walk);
    enter(file, walk);
    if (walk.failure) std::rethrow_exception(walk.failure);
    for (const auto& [variable, bounds] : walk.bounds)
        for (ArrayInfo& array : info.arrays)
            if (array.path == bounds) array.bounds_of = variable;
    return info;
}

}  // namespace narrows::storage
