#include "pipeline/storage/link_parts.hpp"

#include <algorithm>
#include <limits>

#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/exact_values.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/h5.hpp"
#include "pipeline/storage/hash.hpp"
#include "pipeline/storage/join_packed.hpp"

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_copied = 1u << 30;

std::vector<Shard> describe(const std::vector<OpenedPart>& parts, const fs::path& to) {
    std::vector<Shard> shards;
    std::error_code ignored;
    const fs::path folder = fs::weakly_canonical(fs::absolute(to).parent_path(), ignored);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const OpenedPart& part = parts[i];
        const std::int64_t end = i + 1 < parts.size() ? parts[i + 1].first_row : part.all_rows;
        const fs::path name = fs::weakly_canonical(part.path, ignored).lexically_relative(folder);
        if (name.empty() || *name.begin() == "..")
            throw Error(Fault::usage,
                        in_quotes(part.path) + " does not lie in the folder of " + in_quotes(to) +
                            " or below it: the link would break when they are moved",
                        "put the output beside the parts, or copy them into it: --copy");
        const Descriptor file = open_to_read(part.path);
        const std::uint64_t bytes = file_bytes(file.number(), part.path);
        const Hash128 hash = hash_file(file.number(), 0, bytes, part.path);
        shards.push_back({name.string(), end - part.first_row, bytes, hash.low, hash.high});
    }
    return shards;
}

void fill_with_nothing(hid_t list, const ArrayInfo& array) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const std::int64_t none = -1;
    const bool real =
        array.type == Numeric::f16 || array.type == Numeric::f32 || array.type == Numeric::f64;
    if (real)
        H5Pset_fill_value(list, H5T_NATIVE_DOUBLE, &nan);
    else
        H5Pset_fill_value(list, H5T_NATIVE_INT64, &none);
}

// HDF5 takes a percent sign in these names for a number that it counts up.
std::string literal(const std::string& name) {
    std::string out;
    for (const char c : name) out += c == '%' ? std::string("%%") : std::string(1, c);
    return out;
}

void put_virtual(hid_t file, const ArrayInfo& array, const std::vector<Shard>& shards,
                 const fs::path& path) {
    const int rank = static_cast<int>(array.shape.rank());
    hsize_t size[Shape::max_rank] = {}, start[Shape::max_rank] = {}, count[Shape::max_rank] = {};
    std::copy(array.shape.begin(), array.shape.end(), size);
    std::copy(array.shape.begin(), array.shape.end(), count);
    const h5::Handle list(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_obj_track_times(list, false);
    fill_with_nothing(list, array);
    for (const Shard& shard : shards) {
        count[0] = static_cast<hsize_t>(shard.rows);
        const h5::Handle here(H5Screate_simple(rank, size, nullptr)),
            there(H5Screate_simple(rank, count, nullptr));
        H5Sselect_hyperslab(here, H5S_SELECT_SET, start, nullptr, count, nullptr);
        if (H5Pset_virtual(list, here, literal(shard.name).c_str(), literal(array.path).c_str(),
                           there) < 0)
            h5::fail_write(path, "dataset " + array.path);
        start[0] += count[0];
    }
    const h5::Handle dataset =
        h5::make_dataset(file, array.path, h5::stored_type(array.type), array.shape, list, path);
    for (const ExactAttribute& attribute : array.beside.attributes)
        h5::put(dataset, attribute, path);
}

// What only the first part has.
void put_plain(hid_t file, const OpenedPart& part, const ArrayInfo& array, const fs::path& path) {
    const std::size_t bytes = array.value_bytes * static_cast<std::size_t>(array.shape.elements());
    if (bytes > largest_copied)
        throw Error(Fault::usage,
                    array.path + " is too large to be copied from " + in_quotes(part.path),
                    "make one file of all: --copy");
    std::vector<std::byte> values(bytes);
    if (bytes > 0)
        open_as(ArrayFile(part.path), array)
            ->read(0, array.shape.rank() == 0 ? 1 : array.shape[0], values.data());
    const h5::Handle type = h5::type_of(array), list = h5::dataset_list();
    h5::set_fill(list, array);
    h5::Handle dataset = h5::make_dataset(file, array.path, type, array.shape, list, path);
    for (const ExactAttribute& attribute : array.beside.attributes)
        h5::put(dataset, attribute, path);
    if ((bytes > 0 && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0) ||
        !dataset.close())
        h5::fail_write(path, "dataset " + array.path);
}

template <class T>
void put_column(hid_t file, const std::string& name, hid_t type, const Shape& shape,
                const std::vector<T>& values, const fs::path& path) {
    h5::Handle dataset = h5::make_dataset(file, std::string(shards_group) + "/" + name, type, shape,
                                          h5::dataset_list(), path);
    if (H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0 ||
        !dataset.close())
        h5::fail_write(path, name + " of the parts");
}

void put_shards(hid_t file, const std::vector<Shard>& shards, const fs::path& path) {
    const auto count = static_cast<std::int64_t>(shards.size());
    std::size_t width = 1;
    for (const Shard& shard : shards) width = std::max(width, shard.name.size());
    std::vector<char> names(width * shards.size(), '\0');
    std::vector<std::int64_t> rows;
    std::vector<std::uint64_t> bytes, hashes;
    for (std::size_t i = 0; i < shards.size(); ++i) {
        std::copy(shards[i].name.begin(), shards[i].name.end(),
                  names.begin() + static_cast<std::ptrdiff_t>(i * width));
        rows.push_back(shards[i].rows);
        bytes.push_back(shards[i].bytes);
        hashes.insert(hashes.end(), {shards[i].low, shards[i].high});
    }
    const h5::Handle type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type, width);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    put_column(file, "name", type, {count}, names, path);
    put_column(file, "rows", H5T_STD_I64LE, {count}, rows, path);
    put_column(file, "bytes", H5T_STD_U64LE, {count}, bytes, path);
    put_column(file, "xxh3", H5T_STD_U64LE, {count, 2}, hashes, path);
}

struct Ends {
    std::vector<std::int64_t> rows;  // of the joined file, the first and the last of each part
    std::vector<std::byte> wanted;   // in it
};

Ends ends_of(std::span<const OpenedPart> parts, const ArrayInfo& array) {
    Ends ends;
    const std::size_t bytes = row_bytes_of(array);
    for (const OpenedPart& part : parts) {
        const auto reader = open_as(ArrayFile(part.path), *find_array(part.info, array.path));
        const std::int64_t last = reader->info().shape[0] - 1;
        for (std::int64_t row = 0; row <= last; row += std::max<std::int64_t>(1, last)) {
            ends.rows.push_back(part.first_row + row);
            ends.wanted.resize(ends.wanted.size() + bytes);
            reader->read(row, 1, ends.wanted.data() + ends.wanted.size() - bytes);
        }
    }
    return ends;
}

// Through HDF5, which keeps the parts open that it has read until the dataset is closed.
std::vector<std::byte> read_linked(const fs::path& temporary, const ArrayInfo& array,
                                   const Ends& ends, const fs::path& path) {
    const h5::Library library;
    const h5::Handle plain(H5Pcreate(H5P_FILE_ACCESS));
    H5Pset_file_locking(plain, false, true);  // the lock is ours
    const h5::Handle file(H5Fopen(temporary.c_str(), H5F_ACC_RDONLY, plain));
    const h5::Handle data(H5Dopen2(file, array.path.c_str(), H5P_DEFAULT));
    const h5::Handle space(H5Dget_space(data));
    hsize_t start[Shape::max_rank] = {}, count[Shape::max_rank] = {};
    std::copy(array.shape.begin(), array.shape.end(), count);
    count[0] = 1;
    H5Sselect_none(space);
    for (const std::int64_t row : ends.rows) {
        start[0] = static_cast<hsize_t>(row);
        H5Sselect_hyperslab(space, H5S_SELECT_OR, start, nullptr, count, nullptr);
    }
    count[0] = static_cast<hsize_t>(ends.rows.size());
    const h5::Handle memory(H5Screate_simple(static_cast<int>(array.shape.rank()), count, nullptr));
    std::vector<std::byte> found(ends.wanted.size());
    if (H5Dread(data, h5::stored_type(array.type), memory, space, H5P_DEFAULT, found.data()) < 0)
        h5::fail_write(path, array.path + " cannot be read through HDF5");
    return found;
}

// HDF5 says nothing where a part is not found: the first and last row of each must come through it.
// It looks at every part for every read, so a read is of several; few, for files and memory.
void check_links(const fs::path& temporary, const std::vector<OpenedPart>& parts,
                 const FileInfo& info, const fs::path& path) {
    const std::span<const OpenedPart> all(parts);
    for (const ArrayInfo& array : info.arrays) {
        const std::size_t bytes = std::max<std::size_t>(1, row_bytes_of(array));
        const std::size_t together =
            std::clamp<std::size_t>(joined_at_once / (2 * bytes), 1, most_open_parts);
        for (std::size_t first = 0; first < all.size(); first += together) {
            const auto here = all.subspan(first, std::min(together, all.size() - first));
            const Ends ends = ends_of(here, array);
            const std::vector<std::byte> found = read_linked(temporary, array, ends, path);
            const auto [wrong, same] =
                std::mismatch(found.begin(), found.end(), ends.wanted.begin());
            if (wrong == found.end()) continue;
            const std::int64_t row =
                ends.rows[static_cast<std::size_t>(wrong - found.begin()) / bytes];
            const auto part = std::find_if(here.rbegin(), here.rend(),
                                           [&](const OpenedPart& p) { return p.first_row <= row; });
            h5::fail_write(path, array.path + " does not show the rows of " +
                                     in_quotes(part->path) + " through HDF5");
        }
    }
}

}  // namespace

const ArrayInfo* find_array(const FileInfo& info, const std::string& path) {
    for (const ArrayInfo& array : info.arrays)
        if (array.path == path) return &array;
    return nullptr;
}

std::unique_ptr<ArrayReader> open_as(const ArrayFile& file, const ArrayInfo& seen) {
    std::unique_ptr<ArrayReader> reader = file.open(seen.path);
    const ArrayInfo& now = reader->info();
    if (now.shape == seen.shape && now.type == seen.type && now.numeric == seen.numeric &&
        now.value_bytes == seen.value_bytes)
        return reader;
    throw Error(Fault::input, in_quotes(file.path()) + " was changed while it was read",
                "leave the parts alone, and start again");
}

void link_parts(const std::vector<OpenedPart>& parts, const FileInfo& info, const fs::path& to) {
    AtomicFile target(to);
    const Descriptor out = open_to_write(target.temporary());
    const std::vector<Shard> shards = describe(parts, target.path());
    const bool packed = is_packed_format(info);
    std::uint64_t bytes = (1u << 20) + (std::uint64_t{1} << 12) * shards.size();
    for (const ArrayInfo& array : parts[0].info.arrays)
        if (packed && !goes_on(array, parts))
            bytes += h5::page_bytes +
                     array.value_bytes * static_cast<std::uint64_t>(array.shape.elements());
    reserve(out.number(), bytes, target.path());
    {
        const h5::Library library;
        h5::Handle file = h5::create(target.temporary(), {});
        try {
            for (const ExactAttribute& attribute : info.beside.attributes)
                h5::put(file, attribute, target.path());
            h5::put_groups(file, info.beside, target.path());
            for (std::size_t i = 0; i < info.arrays.size(); ++i)
                if (packed && !goes_on(parts[0].info.arrays[i], parts))
                    put_plain(file, parts[0], info.arrays[i], target.path());
                else
                    put_virtual(file, info.arrays[i], shards, target.path());
            for (const ArrayInfo& array : info.arrays)
                h5::attach_scales(file, array.path, array.beside.scales);
            h5::put_links(file, info.beside, target.path());
            put_shards(file, shards, target.path());
        } catch (...) {
            file.abandon();
            throw;
        }
        if (!file.close()) h5::fail_write(target.path(), "HDF5 could not write the file");
    }
    release_surplus(out.number());
    // Packed rows HDF5 reads through a filter, which this process does not load.
    if (!packed) check_links(target.temporary(), parts, info, target.path());
    target.commit();
}

}  // namespace narrows::storage
