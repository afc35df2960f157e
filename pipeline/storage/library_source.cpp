#include <algorithm>
#include <map>

#include "pipeline/storage/array_info.hpp"
#include "pipeline/storage/source.hpp"
#include "pipeline/storage/unpack.hpp"

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;

// A dataset may say that it is large where nothing was stored (all fill value), but not without
// end; deflate itself cannot exceed this ratio.
constexpr std::uint64_t harmless_bytes = 256u << 20;
constexpr std::uint64_t largest_ratio = 1032;
constexpr std::size_t library_cache_bytes = 64u << 20;

// Every step of the path must be a plain link: others may lead out of the file.
bool plain_path(hid_t file, const std::string& name) {
    for (std::size_t slash = name.find('/', 1);; slash = name.find('/', slash + 1)) {
        H5L_info_t link;
        if (H5Lget_info(file, name.substr(0, slash).c_str(), &link, H5P_DEFAULT) < 0 ||
            link.type != H5L_TYPE_HARD)
            return false;
        if (slash == std::string::npos) return true;
    }
}

// The filters that we know, in their order; false when there is anything else.
bool known_filters(hid_t list, std::vector<Filter>& filters) {
    const int count = H5Pget_nfilters(list);
    for (int i = 0; i < count; ++i) {
        unsigned flags = 0;
        std::size_t none = 0;
        const H5Z_filter_t filter = H5Pget_filter2(list, static_cast<unsigned>(i), &flags, &none,
                                                   nullptr, 0, nullptr, nullptr);
        if (filter == H5Z_FILTER_SHUFFLE)
            filters.push_back(Filter::shuffle);
        else if (filter == H5Z_FILTER_DEFLATE)
            filters.push_back(Filter::deflate);
        else if (filter == H5Z_FILTER_FLETCHER32)
            filters.push_back(Filter::fletcher32);
        else if (filter == lz4_filter && can_unpack(Filter::lz4))
            filters.push_back(Filter::lz4);
        else if (filter == blosc_filter && can_unpack(Filter::blosc))
            filters.push_back(Filter::blosc);
        else if (filter == codec_filter && count == 1)
            filters.push_back(Filter::codec);
        else
            return false;
    }
    return true;
}

// What unpack() undoes: each at most once, and one that compresses, for it must know how long the
// data was before.
bool undone_here(const std::vector<Filter>& filters) {
    int compress = 0;
    for (const Filter filter : filters) {
        if (std::count(filters.begin(), filters.end(), filter) > 1) return false;
        compress += filter == Filter::deflate || filter == Filter::lz4 || filter == Filter::blosc;
    }
    return compress <= 1;
}

// Without plugins.
bool undone_by_library(const std::vector<Filter>& filters) {
    return std::none_of(filters.begin(), filters.end(), [](Filter filter) {
        return filter == Filter::lz4 || filter == Filter::blosc;
    });
}

std::string known_names() {
    std::string names = "shuffle, deflate, Fletcher-32";
    if (can_unpack(Filter::lz4)) names += ", LZ4";
    if (can_unpack(Filter::blosc)) names += ", Blosc";
    return names;
}

// Places of all chunks; false where the library must read.
bool find_chunks(hid_t file, hid_t dataset, hid_t list, const fs::path& path, ArrayLayout& layout) {
    const h5::Handle file_list(H5Fget_create_plist(file));
    hsize_t user_block = 0;
    unsigned options = 0;
    // 1.10.8 leaves a user block out of chunk addresses, later ones do not.
    if (H5Pget_userblock(file_list, &user_block) < 0 || user_block != 0 ||
        H5Pget_chunk_opts(list, &options) < 0 || options != 0 ||
        !known_filters(list, layout.filters) || !undone_here(layout.filters))
        return false;
    const std::size_t rank = layout.info.chunk.size();
    std::uint64_t chunk_bytes = layout.value_bytes, chunks = 1;
    std::vector<std::uint64_t> grid;
    for (std::size_t axis = 0; axis < rank; ++axis) {
        const auto extent = static_cast<std::uint64_t>(layout.info.shape[axis]);
        const auto chunk = static_cast<std::uint64_t>(layout.info.chunk[axis]);
        if (extent == 0 || chunk == 0) return false;
        grid.push_back((extent + chunk - 1) / chunk);
        if (chunk > largest_chunk / chunk_bytes || grid.back() > most_chunks / chunks) return false;
        chunk_bytes *= chunk;
        chunks *= grid.back();
    }
    if (rank == 0) return false;
    const h5::Handle type(H5Dget_type(dataset));
    layout.fill.resize(layout.value_bytes);
    if (H5Pget_fill_value(list, type, layout.fill.data()) < 0) return false;
    for (std::size_t number = 0; number < chunks; ++number) {
        hsize_t corner[Shape::max_rank] = {};
        std::size_t rest = number;
        for (std::size_t axis = rank; axis-- > 0; rest /= grid[axis])
            corner[axis] = rest % grid[axis] * static_cast<hsize_t>(layout.info.chunk[axis]);
        haddr_t address = HADDR_UNDEF;
        hsize_t bytes = 0;
        unsigned mask = 0;
        if (H5Dget_chunk_info_by_coord(dataset, corner, &mask, &address, &bytes) < 0)
            h5::fail_read(path, "a chunk of " + layout.info.path + " at row " +
                                    std::to_string(corner[0]) + " cannot be found");
        layout.chunks.push_back(address == HADDR_UNDEF ? ChunkPlace{}
                                                       : ChunkPlace{address, bytes, mask});
    }
    return true;
}

// ------------------------------------------------------- what files of strangers must not do

[[noreturn]] void refuse(const fs::path& path, const std::string& what, const std::string& hint) {
    throw Error(Fault::input, in_quotes(path) + ": " + what, hint);
}

void check_foreign(const fs::path& path, hid_t list, const ArrayLayout& layout) {
    const std::string& name = layout.info.path;
    const bool external = H5Pget_external_count(list) > 0;
    if (external || H5Pget_layout(list) == H5D_VIRTUAL)
        refuse(path,
               name + " keeps its data in other files (" +
                   (external ? "external storage" : "virtual dataset") + "), which is refused",
               "make one plain file of it, for example with h5repack; --trust reads it as it is");
    std::vector<Filter> filters;
    if (!known_filters(list, filters) || (!undone_here(filters) && !undone_by_library(filters)))
        refuse(path,
               name + " needs another filter than " + known_names() +
                   ", or LZ4 or Blosc beside another that compresses: " + layout.info.filters,
               "make a plain file of it with h5repack -f GZIP=1; --trust lets HDF5 try");
    std::uint64_t bytes = layout.row_bytes();
    if (layout.info.shape.rank() > 0) bytes *= static_cast<std::uint64_t>(layout.info.shape[0]);
    const bool codec =
        filters == std::vector<Filter>{Filter::codec};  // constants shrink without end
    if (!codec && bytes > harmless_bytes && bytes / largest_ratio > layout.info.stored_bytes)
        refuse(path,
               name + " says that it has " + std::to_string(bytes) + " bytes and stores " +
                   std::to_string(layout.info.stored_bytes),
               "no real data shrinks so much; --trust reads it nevertheless");
}

// --------------------------------------------------------------------------------- the source

class LibrarySource final : public Source {
public:
    LibrarySource(const fs::path& shown, const fs::path& opened, bool strict)
        : path_(shown), strict_(strict) {
        const h5::Library library;
        const h5::Handle list(H5Pcreate(H5P_FILE_ACCESS));
        H5Pset_file_locking(list, !strict, true);  // strict: the process that asks has the lock
        file_ = h5::Handle(H5Fopen(opened.c_str(), H5F_ACC_RDONLY, list));
        if (!file_.valid()) h5::fail_read(path_, "HDF5 cannot open it");
        h5::check_root(file_, path_);
        check_usable(file_, path_);
    }
    ~LibrarySource() override {
        const h5::Library library;
        read_from_ = {};
        file_ = {};
    }

    FileInfo look() override {
        const h5::Library library;
        FileInfo info = look_into(file_, path_);
        damaged_ = info.beside.damaged;
        return info;
    }

    ArrayLayout layout(const std::string& dataset) override {
        const h5::Library library;
        const std::string name = dataset.starts_with('/') ? dataset : "/" + dataset;
        if (std::find(damaged_.begin(), damaged_.end(), damage_of(path_, name)) != damaged_.end())
            throw Error(Fault::input, damage_of(path_, name), "copy or make the file again");
        const h5::Handle object(plain_path(file_, name) ? H5Oopen(file_, name.c_str(), H5P_DEFAULT)
                                                        : H5I_INVALID_HID);
        if (!object.valid() || H5Iget_type(object) != H5I_DATASET) {
            H5Eclear2(H5E_DEFAULT);
            throw Error(Fault::input, in_quotes(path_) + " has no dataset " + name,
                        "narrows info lists what is there");
        }
        const std::optional<ArrayInfo> info = describe_array(object, name);
        if (!info)
            refuse(path_, name + " holds neither numbers nor fixed-length text",
                   "name another dataset");
        // One of them may say what the values stand for.
        if (!h5::attributes_whole(object))
            throw Error(Fault::input, damage_of(path_, attribute_of(name)),
                        "copy or make the file again");
        ArrayLayout layout;
        layout.info = *info;
        layout.value_bytes = value_bytes(object);
        const h5::Handle list(H5Dget_create_plist(object));
        if (H5Pget_layout(list) == H5D_VIRTUAL && H5Lexists(file_, "shards", H5P_DEFAULT) > 0 &&
            H5Lexists(file_, "shards/name", H5P_DEFAULT) > 0) {
            layout.kind = ArrayLayout::Kind::parts;
            return layout;
        }
        if (strict_) check_foreign(path_, list, layout);
        const h5::Place place = h5::place_of(object);
        const H5D_layout_t kind = H5Pget_layout(list);
        if (kind == H5D_CONTIGUOUS && place.offset != 0 && H5Pget_external_count(list) == 0) {
            layout.kind = ArrayLayout::Kind::contiguous;
            layout.offset = place.offset;
        } else if (kind == H5D_CHUNKED && find_chunks(file_, object, list, path_, layout)) {
            layout.kind = ArrayLayout::Kind::chunks;
        } else {
            layout.filters.clear();
            layout.fill.clear();
        }
        H5Eclear2(H5E_DEFAULT);
        return layout;
    }

    void read(const ArrayLayout& layout, std::int64_t first, std::int64_t count,
              std::byte* out) override {
        const h5::Library library;
        open_to_read_rows(layout);
        const h5::Handle type(H5Dget_type(read_from_)), space(H5Dget_space(read_from_));
        hsize_t start[H5S_MAX_RANK] = {}, size[H5S_MAX_RANK] = {};
        const int rank = H5Sget_simple_extent_dims(space, size, nullptr);
        if (rank > 0) {
            start[0] = static_cast<hsize_t>(first);
            size[0] = static_cast<hsize_t>(count);
            H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, size, nullptr);
        }
        const h5::Handle memory(rank == 0 ? H5Screate(H5S_SCALAR)
                                          : H5Screate_simple(rank, size, nullptr));
        if (H5Dread(read_from_, type, memory, space, H5P_DEFAULT, out) < 0)
            h5::fail_read(path_, "rows " + std::to_string(first) + " to " +
                                     std::to_string(first + count) + " of " + layout.info.path +
                                     " cannot be read");
    }

private:
    // With a cache that holds a chunk where they are unpacked (else every piece of it would unpack
    // all of it again), else none.
    void open_to_read_rows(const ArrayLayout& layout) {
        if (read_name_ == layout.info.path && read_from_.valid()) return;
        std::size_t chunk_bytes = layout.value_bytes;
        for (const std::int64_t extent : layout.info.chunk)
            chunk_bytes *= static_cast<std::size_t>(std::max<std::int64_t>(1, extent));
        const h5::Handle list(H5Pcreate(H5P_DATASET_ACCESS));
        H5Pset_chunk_cache(
            list, 521, layout.info.filters.empty() ? 0 : std::max(library_cache_bytes, chunk_bytes),
            1.0);
        read_from_ = h5::Handle(H5Dopen2(file_, layout.info.path.c_str(), list));
        h5::read_ok(read_from_, path_, "dataset " + layout.info.path + " cannot be opened");
        read_name_ = layout.info.path;
    }

    fs::path path_;
    bool strict_;
    h5::Handle file_, read_from_;
    std::string read_name_;
    std::vector<std::string> damaged_;  // what look() could not open
};

}  // namespace

Source::~Source() = default;

std::uint64_t ArrayLayout::row_bytes() const {
    std::uint64_t bytes = value_bytes;
    for (std::size_t axis = 1; axis < info.shape.rank(); ++axis)
        bytes *= static_cast<std::uint64_t>(info.shape[axis]);
    return bytes;
}

std::unique_ptr<Source> library_source(const fs::path& shown, const fs::path& opened, bool strict) {
    return std::make_unique<LibrarySource>(shown, opened, strict);
}

void check_layout(const ArrayLayout& layout, std::uint64_t file_bytes, const fs::path& path) {
    const ArrayInfo& info = layout.info;
    const auto damaged = [&](const std::string& what) {
        refuse(path, info.path + " " + what, "the file may be damaged: copy or make it again");
    };
    if (layout.value_bytes < 1 || layout.value_bytes != info.value_bytes ||
        layout.value_bytes > largest_chunk ||
        (info.numeric && layout.value_bytes != size_of(info.type)))
        damaged("has values of an impossible size");
    __extension__ using Wide = __int128;
    Wide bytes = static_cast<Wide>(layout.value_bytes);
    for (const std::int64_t extent : info.shape) {
        bytes *= extent;
        if (extent < 0 || bytes > (Wide{1} << 62)) damaged("has an impossible shape");
    }
    // An extent of 0 must not hide that the others overflow.
    Wide row = static_cast<Wide>(layout.value_bytes);
    for (std::size_t axis = 1; axis < info.shape.rank(); ++axis)
        if ((row *= std::max<std::int64_t>(1, info.shape[axis])) > (Wide{1} << 62))
            damaged("has an impossible shape");
    if (layout.kind == ArrayLayout::Kind::contiguous && bytes > 0 &&
        (layout.offset > file_bytes || bytes > static_cast<Wide>(file_bytes - layout.offset)))
        throw Error(Fault::input,
                    in_quotes(path) + " is truncated: " + info.path + " ends at byte " +
                        std::to_string(layout.offset + static_cast<std::uint64_t>(bytes)) +
                        ", the file at " + std::to_string(file_bytes),
                    "copy or make it again");
    if (layout.kind != ArrayLayout::Kind::chunks) return;
    Wide chunk = static_cast<Wide>(layout.value_bytes), chunks = 1;
    for (std::size_t axis = 0; axis < info.shape.rank(); ++axis) {
        if (info.chunk.size() != info.shape.rank() || info.chunk[axis] < 1 || info.shape[axis] < 1)
            damaged("has chunks of an impossible shape");
        chunk *= info.chunk[axis];
        chunks *= (info.shape[axis] - 1) / info.chunk[axis] + 1;
        if (chunk > static_cast<Wide>(largest_chunk) || chunks > static_cast<Wide>(most_chunks))
            damaged("has chunks of an impossible shape");
    }
    if (info.shape.rank() == 0 || chunks != static_cast<Wide>(layout.chunks.size()) ||
        layout.fill.size() != layout.value_bytes || layout.filters.size() > 32)
        damaged("has an impossible list of chunks");
    for (const ChunkPlace& place : layout.chunks)
        if (place.bytes > file_bytes || place.address > file_bytes - place.bytes)
            damaged("has a chunk beyond the end of the file");
}

}  // namespace narrows::storage
