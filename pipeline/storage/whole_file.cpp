#include "pipeline/storage/whole_file.hpp"

#include <algorithm>

#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/h5.hpp"
#include "pipeline/storage/hash.hpp"

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t bytes_at_once = 8u << 20;
constexpr std::size_t most_problems = 100;
constexpr std::int64_t check_rows = 4096;  // under one hash of /check/samples
constexpr hsize_t page_bytes = 4096;

std::int64_t rows_of(const ArrayInfo& info) {
    return info.shape.rank() == 0 ? 1 : info.shape[0];
}

std::size_t row_bytes(const ArrayInfo& info) {
    std::size_t bytes = info.value_bytes;
    for (std::size_t axis = 1; axis < info.shape.rank(); ++axis)
        bytes *= static_cast<std::size_t>(info.shape[axis]);
    return bytes;
}

// Calls `take(first, count, bytes)` for all rows, in blocks of whole chunks.
template <class Take>
void for_rows(const ArrayInfo& info, std::int64_t multiple, const Take& take) {
    const std::size_t row = std::max<std::size_t>(1, row_bytes(info));
    auto step = std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes_at_once / row));
    step = std::max(multiple, step / multiple * multiple);
    for (std::int64_t first = 0; first < rows_of(info); first += step)
        take(first, std::min(step, rows_of(info) - first));
}

void check_array(const ArrayFile& file, const ArrayInfo& info, FileCheck& report) {
    const auto problem = [&](const std::string& text) {
        if (report.problems.size() < most_problems) report.problems.push_back(text);
    };
    std::unique_ptr<ArrayReader> reader;
    std::vector<std::uint64_t> hashes;  // low and high of each block
    try {
        reader = file.open(info.path);
        if (info.path == "/samples") {
            const std::unique_ptr<ArrayReader> check = [&]() -> std::unique_ptr<ArrayReader> {
                for (const ArrayInfo& other : file.look().arrays)
                    if (other.path == "/check/samples" && other.type == Numeric::u64 &&
                        other.shape.rank() == 2 && other.shape[1] == 2 &&
                        other.shape[0] == (rows_of(info) + check_rows - 1) / check_rows)
                        return file.open(other.path);
                return nullptr;
            }();
            if (check) {
                hashes.resize(static_cast<std::size_t>(2 * check->info().shape[0]));
                check->read(0, check->info().shape[0], reinterpret_cast<std::byte*>(hashes.data()));
            }
        }
    } catch (const Error& error) {
        return problem(error.what());
    }
    const std::size_t row = row_bytes(info);
    const std::int64_t chunk =
        hashes.empty() ? (info.chunk.empty() ? 1 : info.chunk[0]) : check_rows;
    std::vector<std::byte> bytes;
    for_rows(info, std::min(chunk, std::max<std::int64_t>(1, rows_of(info))),
             [&](std::int64_t first, std::int64_t count) {
                 try {
                     bytes.resize(static_cast<std::size_t>(count) * row);
                     reader->read(first, count, bytes.data());
                 } catch (const Error& error) {
                     return problem(error.what());
                 }
                 report.bytes += bytes.size();
                 for (std::int64_t at = 0; !hashes.empty() && at < count; at += check_rows) {
                     const std::int64_t here = std::min(check_rows, count - at);
                     HashStream stream;
                     stream.add(bytes.data() + static_cast<std::size_t>(at) * row,
                                static_cast<std::size_t>(here) * row);
                     const Hash128 hash = stream.value();
                     const auto block = static_cast<std::size_t>((first + at) / check_rows);
                     if (hash == Hash128{hashes[2 * block], hashes[2 * block + 1]})
                         ++report.checksums;
                     else
                         problem(quoted(file.path()) + " is damaged: " + info.path + ", rows " +
                                 std::to_string(first + at) + " to " +
                                 std::to_string(first + at + here - 1) + " fail their checksum");
                 }
             });
}

// ------------------------------------------------------------------------------------- repack

struct Copied {
    ArrayInfo info;
    std::uint64_t offset = 0;
};

h5::Handle type_of(const ArrayInfo& info) {
    if (info.numeric) return h5::Handle(H5Tcopy(h5::stored_type(info.type)));
    h5::Handle type(H5Tcopy(H5T_C_S1));
    H5Tset_size(type, info.value_bytes);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

// The empty datasets at their places.
std::vector<Copied> lay_out(const AtomicFile& target, int file, const FileInfo& info) {
    const h5::Library library;
    h5::Handle made = h5::create(target.temporary(), {.alignment = page_bytes});
    std::vector<Copied> copies;
    try {
        std::uint64_t bytes = 1u << 20;
        for (const ArrayInfo& array : info.arrays)
            bytes += static_cast<std::uint64_t>(rows_of(array)) * row_bytes(array) + 2 * page_bytes;
        reserve(file, bytes, target.path());
        for (const auto& [name, value] : info.attributes) h5::put(made, name, value, target.path());
        const h5::Handle list = h5::dataset_list();
        H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
        for (const ArrayInfo& array : info.arrays) {
            const h5::Handle dataset = h5::make_dataset(made, array.path, type_of(array),
                                                        array.shape, list, target.path());
            for (const auto& [name, value] : array.attributes)
                h5::put(dataset, name, value, target.path());
            copies.push_back({array, h5::place_of(dataset).offset});
        }
    } catch (...) {
        made.abandon();
        throw;
    }
    if (!made.close()) h5::fail_write(target.path(), "HDF5 could not lay out the file");
    return copies;
}

}  // namespace

FileCheck check_file(const fs::path& path) {
    const ArrayFile file(path);
    FileCheck report;
    for (const ArrayInfo& info : file.look().arrays) {
        check_array(file, info, report);
        ++report.datasets;
    }
    return report;
}

void repack(const fs::path& from, const fs::path& to) {
    const ArrayFile source(from);
    const FileInfo info = source.look();
    if (info.format == "narrows-model" || info.format == "narrows-checkpoint")
        throw Error(Fault::usage,
                    quoted(from) + " is a " + info.format + ": its checksum is of the whole file",
                    "copy it as it is");
    AtomicFile target(to);
    const Descriptor out = open_to_write(target.temporary());
    std::vector<std::byte> bytes;
    for (const Copied& copy : lay_out(target, out.number(), info)) {
        const std::size_t row = row_bytes(copy.info);
        if (row == 0) continue;
        const std::unique_ptr<ArrayReader> reader = source.open(copy.info.path);
        for_rows(copy.info, copy.info.chunk.empty() ? 1 : copy.info.chunk[0],
                 [&](std::int64_t first, std::int64_t count) {
                     bytes.resize(static_cast<std::size_t>(count) * row);
                     reader->read(first, count, bytes.data());
                     write_at(out.number(), bytes.data(), bytes.size(),
                              copy.offset + static_cast<std::uint64_t>(first) * row, target.path());
                 });
    }
    release_surplus(out.number());
    target.commit();
}

}  // namespace narrows::storage
