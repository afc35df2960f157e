#include "pipeline/storage/whole_file.hpp"

#include <algorithm>

#include "pipeline/storage/file.hpp"
#include "pipeline/storage/h5.hpp"
#include "pipeline/storage/hash.hpp"
#include "pipeline/storage/parts_reader.hpp"
#include "pipeline/storage/restored_writer.hpp"
#include "pipeline/storage/schema.hpp"

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t bytes_at_once = 8u << 20;
constexpr std::size_t most_problems = 100;
constexpr std::int64_t check_rows = 4096;  // under one hash of /check/samples

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
        if (info.path == checked_path) {
            const std::unique_ptr<ArrayReader> check = [&]() -> std::unique_ptr<ArrayReader> {
                for (const ArrayInfo& other : file.look().arrays)
                    if (other.path == checksums_path && other.type == Numeric::u64 &&
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
                         problem(in_quotes(file.path()) + " is damaged: " + info.path + ", rows " +
                                 std::to_string(first + at) + " to " +
                                 std::to_string(first + at + here - 1) + " fail their checksum");
                 }
             });
}

void check_shards(const ArrayFile& file, FileCheck& report) {
    try {
        for (const Shard& shard : shards_of(file)) {
            const fs::path path = path_of(shard, file.path());
            const Hash128 hash = hash_file(open_to_read(path).number(), 0, shard.bytes, path);
            if (hash == Hash128{shard.low, shard.high})
                ++report.checksums;
            else
                report.problems.push_back(in_quotes(path) + " was changed after " +
                                          in_quotes(file.path()) + " was joined from it");
        }
    } catch (const Error& error) {
        report.problems.push_back(error.what());
    }
}

}  // namespace

FileCheck check_file(const fs::path& path) {
    const ArrayFile file(path);
    const FileInfo contents = file.look();
    FileCheck report;
    report.problems = check_schema(contents);
    for (const ArrayInfo& info : contents.arrays) {
        check_array(file, info, report);
        ++report.datasets;
        if (info.path == std::string(shards_group) + "/name") check_shards(file, report);
    }
    return report;
}

std::vector<std::string> repack(const fs::path& from, const fs::path& to) {
    const ArrayFile source(from);
    FileInfo info = source.look();
    without_shards(info);
    if (info.format == "narrows-model" || info.format == "narrows-checkpoint")
        throw Error(
            Fault::usage,
            in_quotes(from) + " is a " + info.format + ": its checksum is of the whole file",
            "copy it as it is");
    RestoredWriter out(to, info);
    std::vector<std::byte> bytes;
    for (std::size_t number = 0; number < info.arrays.size(); ++number) {
        const ArrayInfo& array = info.arrays[number];
        const std::size_t row = row_bytes(array);
        if (row == 0) continue;
        const std::unique_ptr<ArrayReader> reader = source.open(array.path);
        for_rows(array, array.chunk.empty() ? 1 : array.chunk[0],
                 [&](std::int64_t first, std::int64_t count) {
                     bytes.resize(static_cast<std::size_t>(count) * row);
                     reader->read(first, count, bytes.data());
                     out.write(number, first, bytes);
                 });
    }
    out.commit();
    return info.beside.left_out;
}

}  // namespace narrows::storage
