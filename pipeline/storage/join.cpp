#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/difference.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/h5.hpp"
#include "pipeline/storage/hash.hpp"
#include "pipeline/storage/part.hpp"
#include "pipeline/storage/parts_reader.hpp"
#include "pipeline/storage/restored_writer.hpp"

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;
using Attributes = std::vector<std::pair<std::string, Attribute>>;

constexpr std::size_t bytes_at_once = 8u << 20;

struct Opened {
    fs::path path;
    FileInfo info;
    std::int64_t number = 0, count = 0, first_row = 0, all_rows = 0;
};

const Attribute* find(const Attributes& all, const std::string& name) {
    for (const auto& [key, value] : all)
        if (key == name) return &value;
    return nullptr;
}

std::int64_t integer(const Opened& part, const std::string& name) {
    const Attribute* value = find(part.info.attributes, name);
    const auto* number = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
    if (number == nullptr)
        throw Error(Fault::input, quoted(part.path) + " is no part: it does not say its " + name,
                    "parts are made by --part i/n");
    return *number;
}

// The two lines of a part's pipeline that a run over all rows does not have.
std::string without_part(std::string_view pipeline) {
    std::string out;
    while (!pipeline.empty()) {
        const std::size_t end = std::min(pipeline.find('\n'), pipeline.size() - 1) + 1;
        const std::string_view line = pipeline.substr(0, end);
        if (!line.starts_with("part = ") && !line.starts_with("all_rows = ")) out += line;
        pipeline.remove_prefix(end);
    }
    return out;
}

// Of a run over all rows.
Attributes joined_attributes(const Opened& part) {
    Attributes out;
    for (const auto& [name, value] : part.info.attributes) {
        if (name == "part" || name == "parts" || name == "first_row" || name == "all_rows")
            continue;
        const auto* text = name == "pipeline" ? std::get_if<std::string>(&value) : nullptr;
        if (text != nullptr)
            out.emplace_back(name, without_part(*text));
        else
            out.emplace_back(name, value);
    }
    return out;
}

Opened open_part(const fs::path& path) {
    Opened part{path, look(path)};
    if (part.info.format != "narrows-codes" && part.info.format != "narrows-scores")
        throw Error(Fault::input,
                    quoted(path) + " holds neither codes nor scores, but is " +
                        (part.info.format.empty() ? "of no narrows format" : part.info.format),
                    "join takes what encode --part and score --part wrote");
    part.number = integer(part, "part");
    part.count = integer(part, "parts");
    part.first_row = integer(part, "first_row");
    part.all_rows = integer(part, "all_rows");
    const auto counter = [](const ArrayInfo& array) {
        return array.path == "/rows_done" || array.path == "/complete";
    };
    std::erase_if(part.info.arrays, counter);
    return part;
}

std::string name_of(const Opened& part) {
    return "part " + std::to_string(part.number) + " of " + std::to_string(part.count) + ", " +
           quoted(part.path) + ",";
}

// Of one run: the same model, data, seed and settings.
void check_same_run(const Opened& first, const Opened& other) {
    const auto refuse = [&](const std::string& what) {
        throw Error(Fault::input,
                    name_of(other) + " is of another run than " + quoted(first.path) + ": " + what,
                    "join the parts of one run, made with the same options but --part");
    };
    if (first.count != other.count || first.all_rows != other.all_rows)
        refuse("it is one of " + std::to_string(other.count) + " parts of " +
               std::to_string(other.all_rows) + " rows, not of " + std::to_string(first.count) +
               " of " + std::to_string(first.all_rows));
    const Attributes a = joined_attributes(first), b = joined_attributes(other);
    for (const auto& [name, value] : a) {
        const Attribute* there = find(b, name);
        if (there != nullptr && *there == value) continue;
        const auto* here = std::get_if<std::string>(&value);
        const auto* text = there == nullptr ? nullptr : std::get_if<std::string>(there);
        if (name == "pipeline" && here != nullptr && text != nullptr)
            refuse("in its pipeline, " + first_difference(*text, *here));
        refuse(name + " differs");
    }
    if (a.size() != b.size()) refuse("it has other attributes");
    const auto same = [](const ArrayInfo& x, const ArrayInfo& y) {
        return x.path == y.path && x.type == y.type && x.numeric == y.numeric &&
               x.attributes == y.attributes && x.shape.rank() > 0 &&
               x.shape.sample() == y.shape.sample();
    };
    if (!std::equal(first.info.arrays.begin(), first.info.arrays.end(), other.info.arrays.begin(),
                    other.info.arrays.end(), same))
        refuse("it has other datasets");
}

void check_rows(const Opened& part) {
    const Part which{part.number, part.count};
    const bool numbered = part.number >= 1 && part.number <= part.count;
    const PartRows rows = numbered ? rows_of(which, part.all_rows) : PartRows{};
    for (const ArrayInfo& array : part.info.arrays)
        if (!numbered || part.first_row != rows.first || array.shape.rank() == 0 ||
            array.shape[0] != rows.last - rows.first)
            throw Error(Fault::input,
                        name_of(part) + " does not hold its rows " + std::to_string(rows.first) +
                            " to " + std::to_string(rows.last) + " in " + array.path,
                        "make this part again");
}

// In order, all there, none twice.
std::vector<Opened> open_all(std::span<const fs::path> files) {
    std::map<std::int64_t, Opened> by_number;
    for (const fs::path& file : files) {
        Opened part = open_part(file);
        if (!by_number.empty()) check_same_run(by_number.begin()->second, part);
        check_rows(part);
        const auto [there, fresh] = by_number.try_emplace(part.number, part);
        if (!fresh)
            throw Error(Fault::input,
                        name_of(part) + " is there twice, also as " + quoted(there->second.path),
                        "name each part once");
    }
    std::vector<Opened> parts;
    std::string missing;
    for (auto& [number, part] : by_number) parts.push_back(std::move(part));
    for (std::int64_t number = 1; number <= parts[0].count; ++number)
        if (!by_number.contains(number))
            missing += (missing.empty() ? "" : ", ") + std::to_string(number);
    if (!missing.empty())
        throw Error(Fault::input,
                    "of " + std::to_string(parts[0].count) + " parts these are missing: " + missing,
                    "make them with --part, or name them too");
    if (parts[0].info.arrays.empty())
        throw Error(Fault::input, quoted(parts[0].path) + " has no datasets", "make it again");
    return parts;
}

std::vector<fs::path> files_of(std::span<const fs::path> named) {
    std::vector<fs::path> files;
    for (const fs::path& path : named) {
        std::error_code ignored;
        if (!fs::is_directory(path, ignored)) {
            files.push_back(path);
            continue;
        }
        const std::size_t before = files.size();
        for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored))
            if (entry.path().extension() == ".h5") files.push_back(entry.path());
        if (files.size() == before)
            throw Error(Fault::input, "there is no .h5 file in the folder " + quoted(path),
                        "name the folder that --part wrote to");
        std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
    }
    return files;
}

std::size_t row_bytes(const ArrayInfo& array) {
    return array.value_bytes * static_cast<std::size_t>(array.shape.sample().elements());
}

void copy_rows(const std::vector<Opened>& parts, const FileInfo& info, const fs::path& to) {
    RestoredWriter out(to, info);
    std::vector<std::byte> rows;
    for (const Opened& part : parts) {
        const ArrayFile file(part.path);
        for (std::size_t number = 0; number < info.arrays.size(); ++number) {
            const auto reader = file.open(info.arrays[number].path);
            const std::size_t row = row_bytes(info.arrays[number]);
            const std::int64_t count = reader->info().shape[0];
            const auto step = static_cast<std::int64_t>(
                std::max<std::size_t>(1, bytes_at_once / std::max<std::size_t>(1, row)));
            for (std::int64_t first = 0; first < count; first += step) {
                const std::int64_t here = std::min(step, count - first);
                rows.resize(static_cast<std::size_t>(here) * row);
                reader->read(first, here, rows.data());
                out.write(number, part.first_row + first, rows);
            }
        }
    }
    out.commit();
}

// ------------------------------------------------------------------------------ virtual datasets

std::vector<Shard> describe(const std::vector<Opened>& parts, const fs::path& to) {
    std::vector<Shard> shards;
    std::error_code ignored;
    const fs::path folder = fs::weakly_canonical(fs::absolute(to).parent_path(), ignored);
    for (const Opened& part : parts) {
        const fs::path name = fs::weakly_canonical(part.path, ignored).lexically_relative(folder);
        if (name.empty() || *name.begin() == "..")
            throw Error(Fault::usage,
                        quoted(part.path) + " does not lie in the folder of " + quoted(to) +
                            " or below it: the link would break when they are moved",
                        "put the output beside the parts, or copy them into it: --copy");
        const Descriptor file = open_to_read(part.path);
        const std::uint64_t bytes = file_bytes(file.number(), part.path);
        const Hash128 hash = hash_file(file.number(), 0, bytes, part.path);
        shards.push_back({name.string(), part.info.arrays[0].shape[0], bytes, hash.low, hash.high});
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
    for (const auto& [name, value] : array.attributes) h5::put(dataset, name, value, path);
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

// HDF5 says nothing where a part is not found: the first and last row of each must come through it.
void check_links(const fs::path& temporary, const std::vector<Opened>& parts, const FileInfo& info,
                 const fs::path& path) {
    for (const ArrayInfo& array : info.arrays) {
        const std::size_t bytes = row_bytes(array);
        for (const Opened& part : parts) {
            const auto reader = open_array(part.path, array.path);
            const std::int64_t last = reader->info().shape[0] - 1;
            for (const std::int64_t row : {std::int64_t{0}, last}) {
                std::vector<std::byte> wanted(bytes), found(bytes);
                reader->read(row, 1, wanted.data());
                const h5::Library library;
                const h5::Handle plain(H5Pcreate(H5P_FILE_ACCESS));
                H5Pset_file_locking(plain, false, true);  // the lock is ours
                const h5::Handle file(H5Fopen(temporary.c_str(), H5F_ACC_RDONLY, plain));
                const h5::Handle data(H5Dopen2(file, array.path.c_str(), H5P_DEFAULT));
                const h5::Handle space(H5Dget_space(data));
                hsize_t start[Shape::max_rank] = {}, count[Shape::max_rank] = {};
                std::copy(array.shape.begin(), array.shape.end(), count);
                start[0] = static_cast<hsize_t>(part.first_row + row);
                count[0] = 1;
                H5Sselect_hyperslab(space, H5S_SELECT_SET, start, nullptr, count, nullptr);
                const h5::Handle memory(
                    H5Screate_simple(static_cast<int>(array.shape.rank()), count, nullptr));
                if (H5Dread(data, h5::stored_type(array.type), memory, space, H5P_DEFAULT,
                            found.data()) < 0 ||
                    found != wanted)
                    h5::fail_write(path, array.path + " does not show the rows of " +
                                             quoted(part.path) + " through HDF5");
            }
        }
    }
}

void link_rows(const std::vector<Opened>& parts, const FileInfo& info, const fs::path& to) {
    AtomicFile target(to);
    const Descriptor out = open_to_write(target.temporary());
    const std::vector<Shard> shards = describe(parts, target.path());
    reserve(out.number(), (1u << 20) + (std::uint64_t{1} << 12) * shards.size(), target.path());
    {
        const h5::Library library;
        h5::Handle file = h5::create(target.temporary(), {});
        try {
            for (const auto& [name, value] : info.attributes)
                h5::put(file, name, value, target.path());
            for (const ArrayInfo& array : info.arrays)
                put_virtual(file, array, shards, target.path());
            put_shards(file, shards, target.path());
        } catch (...) {
            file.abandon();
            throw;
        }
        if (!file.close()) h5::fail_write(target.path(), "HDF5 could not write the file");
    }
    release_surplus(out.number());
    check_links(target.temporary(), parts, info, target.path());
    target.commit();
}

}  // namespace

void join(std::span<const fs::path> named, const fs::path& to, Joined how) {
    const std::vector<Opened> parts = open_all(files_of(named));
    FileInfo info;
    info.format = parts[0].info.format;
    info.attributes = joined_attributes(parts[0]);
    info.arrays = parts[0].info.arrays;
    for (ArrayInfo& array : info.arrays)
        array.shape = array.shape.sample().with_batch(parts[0].all_rows);
    if (how == Joined::copy)
        copy_rows(parts, info, to);
    else
        link_rows(parts, info, to);
}

}  // namespace narrows::storage
