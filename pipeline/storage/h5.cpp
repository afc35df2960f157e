#include "pipeline/storage/h5.hpp"

#include <algorithm>
#include <cstring>

#include "pipeline/storage/file.hpp"

namespace narrows::storage::h5 {

namespace {

std::recursive_mutex& library_mutex() {
    static std::recursive_mutex mutex;
    return mutex;
}

void set_up() {
    H5dont_atexit();  // an unfinished file must not be flushed by a dying process
    H5PLset_loading_state(0);
}

Handle access_list(const FileOptions& options) {
    Handle list(H5Pcreate(H5P_FILE_ACCESS));
    H5Pset_libver_bounds(list, H5F_LIBVER_V110, H5F_LIBVER_V110);
    // Our own locks say who owns a temporary; the library's would collide with them.
    H5Pset_file_locking(list, false, true);
    if (options.alignment > 0) H5Pset_alignment(list, options.alignment, options.alignment);
    return list;
}

}  // namespace

Library::Library() : lock_(library_mutex()) {
    static const bool ready = (set_up(), true);
    (void)ready;
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // the stack belongs to the calling thread
}

std::string library_text() {
    std::string text;
    const auto visit = [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
        auto& found = *static_cast<std::string*>(out);
        if (found.empty() && error->desc != nullptr) found = error->desc;
        return 0;
    };
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, visit, &text);
    H5Eclear2(H5E_DEFAULT);
    return text;
}

void fail_read(const std::filesystem::path& path, const std::string& what) {
    const std::string why = library_text();
    throw Error(Fault::input, in_quotes(path) + ": " + what + (why.empty() ? "" : " (" + why + ")"),
                "the file may be damaged: copy or make it again");
}

void fail_write(const std::filesystem::path& path, const std::string& what) {
    const std::string why = library_text();
    throw Error(
        Fault::run,
        "cannot write " + in_quotes(path) + ": " + what + (why.empty() ? "" : " (" + why + ")"),
        "check the disk and its free space");
}

hid_t read_ok(hid_t id, const std::filesystem::path& path, const std::string& what) {
    if (id < 0) fail_read(path, what);
    return id;
}

hid_t write_ok(hid_t id, const std::filesystem::path& path, const std::string& what) {
    if (id < 0) fail_write(path, what);
    return id;
}

Handle open(const std::filesystem::path& path) {
    if (!is_hdf5(path)) refuse_as_hdf5(path);
    const Handle list(H5Pcreate(H5P_FILE_ACCESS));
    H5Pset_file_locking(list, true, true);
    Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, list));
    if (!file.valid()) fail_read(path, "HDF5 cannot open it");
    check_root(file, path);
    return file;
}

void check_root(hid_t file, const std::filesystem::path& path) {
    const Handle root(H5Oopen(file, "/", H5P_DEFAULT));
    H5G_info_t info;
    if (!root.valid() || H5Gget_info(root, &info) < 0)
        fail_read(path, "its root group cannot be read");
}

Handle create(const std::filesystem::path& path, const FileOptions& options) {
    const Handle list(H5Pcreate(H5P_FILE_CREATE));
    if (options.user_block > 0) H5Pset_userblock(list, options.user_block);
    H5Pset_obj_track_times(list, false);
    H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, list, access_list(options)));
    if (!file.valid()) fail_write(path, "HDF5 cannot create the file");
    return file;
}

Handle open_to_change(const std::filesystem::path& path, const FileOptions& options) {
    Handle file(H5Fopen(path.c_str(), H5F_ACC_RDWR, access_list(options)));
    if (!file.valid()) fail_write(path, "HDF5 cannot open the file again");
    return file;
}

Handle group_list() {
    Handle list(H5Pcreate(H5P_GROUP_CREATE));
    H5Pset_obj_track_times(list, false);
    H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    return list;
}

Handle dataset_list() {
    Handle list(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_obj_track_times(list, false);
    H5Pset_attr_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
    return list;
}

void put_identity(hid_t file, const std::string& format,
                  const std::vector<std::pair<std::string, Attribute>>& others,
                  const std::filesystem::path& path) {
    // What the caller names himself (a migration tool, a test) stands instead of the usual value.
    const std::pair<std::string, Attribute> usual[] = {
        {"format", format},
        {"format_version", format_version},
        {"created_by", "narrows " + std::string(version)}};
    for (const auto& [name, value] : usual) {
        const auto same = [&own = name](const auto& other) { return other.first == own; };
        if (std::none_of(others.begin(), others.end(), same)) put(file, name, value, path);
    }
    for (const auto& [name, value] : others) put(file, name, value, path);
}

void check_version(hid_t file, const std::filesystem::path& path) {
    const std::string format = text_or(get(file, "format"));
    if (!format.starts_with("narrows-")) return;
    const std::optional<double> found = number(get(file, "format_version"));
    if (found && *found > static_cast<double>(format_version))
        throw Error(Fault::input,
                    in_quotes(path) + " is a " + format + " of version " +
                        std::to_string(static_cast<std::int64_t>(*found)) + "; narrows " +
                        std::string(version) + " reads versions up to " +
                        std::to_string(format_version),
                    "use a newer narrows");
}

Shape extents(hid_t dataset) {
    const Handle space(H5Dget_space(dataset));
    hsize_t sizes[H5S_MAX_RANK] = {};
    const int rank = H5Sget_simple_extent_dims(space, sizes, nullptr);
    Shape shape;
    for (int axis = 0; axis < rank; ++axis) shape.push_back(static_cast<std::int64_t>(sizes[axis]));
    return shape;
}

Handle make_dataset(hid_t file, const std::string& name, hid_t type, const Shape& shape,
                    hid_t creation_list, const std::filesystem::path& path) {
    for (std::size_t slash = name.find('/', 1); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
        const std::string group = name.substr(0, slash);
        if (H5Lexists(file, group.c_str(), H5P_DEFAULT) > 0) continue;
        const Handle made(H5Gcreate2(file, group.c_str(), H5P_DEFAULT, group_list(), H5P_DEFAULT));
        write_ok(made, path, "group " + group);
    }
    hsize_t sizes[Shape::max_rank] = {};
    std::copy(shape.begin(), shape.end(), sizes);
    const Handle space(shape.rank() == 0
                           ? H5Screate(H5S_SCALAR)
                           : H5Screate_simple(static_cast<int>(shape.rank()), sizes, nullptr));
    Handle dataset(
        H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, creation_list, H5P_DEFAULT));
    write_ok(dataset, path, "dataset " + name);
    return dataset;
}

Place place_of(hid_t dataset) {
    const haddr_t offset = H5Dget_offset(dataset);
    if (offset == HADDR_UNDEF) return {};
    return {offset, H5Dget_storage_size(dataset)};
}

}  // namespace narrows::storage::h5
