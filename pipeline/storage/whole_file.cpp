#include "pipeline/storage/whole_file.hpp"

#include <algorithm>

#include "pipeline/storage/array_rows.hpp"
#include "pipeline/storage/block_hashes.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/h5.hpp"
#include "pipeline/storage/header.hpp"
#include "pipeline/storage/parts_reader.hpp"
#include "pipeline/storage/restored_writer.hpp"
#include "pipeline/storage/schema.hpp"

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t bytes_at_once = 8u << 20;
constexpr std::size_t most_problems = 100;

// Calls `take(first, count, bytes)` for all rows, in blocks of whole chunks.
template <class Take>
void for_rows(const ArrayInfo& info, std::int64_t multiple, const Take& take) {
    const std::size_t row = std::max<std::size_t>(1, row_bytes_of(info));
    auto step = std::max<std::int64_t>(1, static_cast<std::int64_t>(bytes_at_once / row));
    step = std::max(multiple, step / multiple * multiple);
    for (std::int64_t first = 0; first < stored_rows(info); first += step)
        take(first, std::min(step, stored_rows(info) - first));
}

void check_array(const ArrayFile& file, const FileInfo& contents, const ArrayInfo& info,
                 FileCheck& report) {
    const auto problem = [&](const std::string& text) {
        if (report.problems.size() < most_problems) report.problems.push_back(text);
    };
    std::unique_ptr<ArrayReader> reader;
    std::vector<std::uint64_t> hashes;
    try {
        reader = file.open(info.path);
        hashes = read_checksums(file, contents, info);
    } catch (const Error& error) {
        return problem(error.what());
    }
    const std::size_t row = row_bytes_of(info);
    const auto compare = [&](std::int64_t block, Hash128 hash) {
        const auto at = static_cast<std::size_t>(2 * block);
        if (hash == Hash128{hashes[at], hashes[at + 1]}) {
            ++report.checksums;
            return;
        }
        problem(damaged_rows(file.path(), info, block));
    };
    BlockHashes blocks(row);
    const std::int64_t chunk = info.chunk.empty() ? 1 : info.chunk[0];
    std::vector<std::byte> bytes;
    for_rows(info, std::min(chunk, std::max<std::int64_t>(1, stored_rows(info))),
             [&](std::int64_t first, std::int64_t count) {
                 try {
                     bytes.resize(static_cast<std::size_t>(count) * row);
                     reader->read(first, count, bytes.data());
                 } catch (const Error& error) {
                     blocks.skip_to(first + count);
                     return problem(error.what());
                 }
                 report.bytes += bytes.size();
                 if (!hashes.empty()) blocks.add(bytes.data(), count, compare);
             });
    if (!hashes.empty()) blocks.finish(compare);
}

// Of a complete file both slots hold the same number of rows.
void check_counter(const ArrayFile& file, const ArrayInfo& counter, FileCheck& report) {
    if (counter.type != Numeric::u64 || counter.shape != Shape{4}) return;  // another's name
    std::uint64_t slots[4] = {};
    try {
        file.open(counter.path)->read(0, 4, reinterpret_cast<std::byte*>(slots));
    } catch (const Error&) {
        return;  // told where its values are checked
    }
    if (slots[0] == ~slots[1] && slots[2] == ~slots[3] && slots[0] == slots[2]) return;
    report.problems.push_back(in_quotes(file.path()) + " is damaged: the row counter in " +
                              counter.path);
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
    // Without its header a model is a file like any other, with nothing that shows damage.
    if ((contents.format == "narrows-model" || contents.format == "narrows-checkpoint") &&
        !has_header(open_to_read(path).number()))
        report.problems.push_back(in_quotes(path) + " is damaged: it is a " + contents.format +
                                  " whose header is not there");
    for (const std::string& damage : contents.beside.damaged)
        if (report.problems.size() < most_problems) report.problems.push_back(damage);
    for (const ArrayInfo& info : contents.arrays) {
        check_array(file, contents, info, report);
        ++report.datasets;
        if (info.path == std::string(shards_group) + "/name") check_shards(file, report);
        if (contents.format.starts_with("narrows-") && info.path == "/rows_done")
            check_counter(file, info, report);
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
        const std::size_t row = row_bytes_of(array);
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
