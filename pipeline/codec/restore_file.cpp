// From compressed files back to plain ones, and whether they hold what they promise.
#include <algorithm>
#include <cmath>
#include <mutex>

#include <fmt/format.h>

#include "pipeline/codec/container.hpp"
#include "pipeline/storage/array_rows.hpp"
#include "pipeline/storage/part.hpp"
#include "pipeline/storage/restored_writer.hpp"
#include "pipeline/storage/whole_file.hpp"

namespace narrows::codec {

namespace {

using storage::ArrayInfo;

bool is_model(const ArrayInfo& info) {
    return info.path.starts_with("/.models/");
}

std::optional<std::int64_t> integer(const storage::FileInfo& info, std::string_view name) {
    for (const auto& [key, value] : info.attributes)
        if (key == name)
            if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
    return std::nullopt;
}

bool is_identity(const std::string& name) {
    return name == "format" || name == "format_version" || name == "created_by";
}

// Rows that are decoded together.
std::int64_t block_rows(const ArrayInfo& info) {
    const std::int64_t rows = std::max<std::int64_t>(1, storage::stored_rows(info));
    if (!info.chunk.empty()) return std::min(rows, info.chunk[0]);
    return std::clamp<std::int64_t>(
        static_cast<std::int64_t>((4u << 20) /
                                  std::max<std::size_t>(1, storage::row_bytes_of(info))),
        1, rows);
}

storage::FileInfo look(const storage::ArrayFile& file) {
    storage::FileInfo info = file.look();
    if (info.format != "narrows-compressed")
        throw Error(Fault::input,
                    "'" + file.path().string() + "' is not a compressed file of narrows",
                    "narrows compress makes one");
    without_shards(info);
    return info;
}

// "of the range 0.001": kind and number, as compress wrote them.
Bound bound_of(const ArrayInfo& info) {
    const std::string* stored = storage::text_attribute(info.attributes, "narrows_bound");
    const std::string text = stored != nullptr ? *stored : "lossless 0";
    const double value = std::strtod(text.substr(text.rfind(' ') + 1).c_str(), nullptr);
    if (text.starts_with("lossless") || !(value > 0)) return {};
    return {text.starts_with("pointwise") ? Bound::Kind::pointwise : Bound::Kind::absolute, value};
}

}  // namespace

WholeFile whole_file(const storage::ArrayFile& file) {
    WholeFile out;
    storage::FileInfo info = file.look();
    without_shards(info);
    out.beside = std::move(info.beside);
    for (storage::ExactAttribute& attribute : out.beside.attributes)
        if (is_identity(attribute.name)) attribute.name = "narrows_source_" + attribute.name;
    for (const ArrayInfo& array : info.arrays) {
        const std::shared_ptr<storage::ArrayReader> reader = file.open(array.path);
        ArrayInfo plain = reader->info();
        plain.big_endian = false;
        plain.bounds_of = array.bounds_of;
        plain.beside = array.beside;
        out.inputs.push_back(
            {plain, [reader](std::int64_t first, std::int64_t count, std::byte* values) {
                 reader->read(first, count, values);
             }});
    }
    return out;
}

std::uint64_t decompress_file(const std::filesystem::path& from, const std::filesystem::path& to,
                              const Job& job, const Loop& loop) {
    const storage::ArrayFile file(from);
    storage::FileInfo info = look(file);
    std::erase_if(info.arrays, is_model);
    for (ArrayInfo& array : info.arrays)
        std::erase_if(array.beside.attributes, [](const auto& attribute) {
            return attribute.name == "narrows_bound" || attribute.name == "narrows_method" ||
                   attribute.name == "narrows_model";
        });
    if (integer(info, storage::part_rows))
        std::erase_if(info.beside.attributes,
                      [](const auto& attribute) { return storage::is_of_part(attribute.name); });
    // The source's own identity, where it had one.
    std::erase_if(info.beside.attributes,
                  [](const auto& attribute) { return is_identity(attribute.name); });
    for (storage::ExactAttribute& attribute : info.beside.attributes)
        if (attribute.name.starts_with("narrows_source_"))
            attribute.name = attribute.name.substr(15);
    std::erase_if(info.beside.groups, [](const auto& group) { return group.path == "/.models"; });
    storage::RestoredWriter out(to, info);
    std::uint64_t total = 0;
    for (std::size_t number = 0; number < info.arrays.size(); ++number) {
        const ArrayInfo& array = info.arrays[number];
        const std::size_t row = storage::row_bytes_of(array);
        const std::int64_t rows = storage::stored_rows(array), block = block_rows(array);
        if (row == 0 || rows == 0) continue;
        const std::unique_ptr<storage::ArrayReader> reader = file.open(array.path);
        const auto blocks = static_cast<std::size_t>((rows + block - 1) / block);
        const std::size_t together = std::clamp<std::size_t>(2 * loop.threads(), 1, 16);
        for (std::size_t first = 0; first < blocks; first += together) {
            loop.each(std::min(together, blocks - first), [&](std::size_t i) {
                const std::int64_t begin = static_cast<std::int64_t>(first + i) * block;
                const std::int64_t count = std::min(block, rows - begin);
                Bytes bytes(static_cast<std::size_t>(count) * row);
                reader->read(begin, count, bytes.data());
                out.write(number, begin, bytes);
            });
            const std::int64_t done =
                std::min<std::int64_t>(rows, static_cast<std::int64_t>(first + together) * block);
            const auto bytes =
                static_cast<std::uint64_t>(done - static_cast<std::int64_t>(first) * block) * row;
            total += bytes;
            if (job.progress) job.progress(bytes);
            if (job.stop && job.stop())
                throw Error(Fault::run, "stopped before the file was whole");
        }
    }
    out.commit();
    return total;
}

Verification verify_file(const std::filesystem::path& path, const std::vector<Input>& against,
                         const Loop& loop) {
    const storage::ArrayFile file(path);
    Verification result;
    const storage::FileInfo contents = look(file);
    const std::vector<ArrayInfo>& arrays = contents.arrays;
    const bool is_part = integer(contents, storage::part_rows).has_value();
    const std::int64_t all_rows = is_part ? integer(contents, "all_rows").value_or(0) : 0;
    const auto is_cut = [&](const ArrayInfo& original) {
        return is_part && original.numeric && original.shape.rank() > 0 &&
               original.shape[0] == all_rows;
    };
    const bool has_the_rest = !is_part || integer(contents, "part") == 1;
    for (const Input& input : against)  // hashes of samples do not hold of others
        if (!storage::are_checksums(input.info.path) && (has_the_rest || is_cut(input.info)) &&
            std::none_of(arrays.begin(), arrays.end(),
                         [&](const ArrayInfo& array) { return array.path == input.info.path; }))
            result.problems.push_back(input.info.path + " is not in the compressed file");
    for (const ArrayInfo& array : arrays) {
        if (is_model(array)) continue;
        ++result.datasets;
        const Input* original = nullptr;
        for (const Input& input : against)
            if (input.info.path == array.path) original = &input;
        if (!against.empty() && original == nullptr) {
            result.problems.push_back(array.path + " is not in the data to compare with");
            continue;
        }
        Shape wanted_shape;
        if (original != nullptr) {
            wanted_shape = original->info.shape;
            if (is_cut(original->info)) wanted_shape[0] = *integer(contents, storage::part_rows);
        }
        const std::int64_t before = original != nullptr && is_cut(original->info)
                                        ? integer(contents, "first_row").value_or(0)
                                        : 0;
        if (original != nullptr &&
            (!(wanted_shape == array.shape) ||
             before + storage::stored_rows(array) > storage::stored_rows(original->info) ||
             original->info.type != array.type ||
             original->info.value_bytes != array.value_bytes)) {
            result.problems.push_back(array.path +
                                      " has another shape or type in the data to compare with");
            continue;
        }
        std::unique_ptr<storage::ArrayReader> reader;
        try {
            reader = file.open(array.path);
        } catch (const Error& error) {
            result.problems.push_back(error.what());
            continue;
        }
        const std::int64_t rows = storage::stored_rows(array), block = block_rows(array);
        const auto blocks = static_cast<std::size_t>((rows + block - 1) / block);
        const bool packed =  // also behind the links of joined parts
            storage::text_attribute(array.attributes, "narrows_bound") != nullptr;
        const Bound bound = packed ? bound_of(array) : Bound{};
        struct Part {
            ChunkReport report;
            std::string problem;
        };
        const std::size_t together = std::clamp<std::size_t>(2 * loop.threads(), 1, 16);
        std::vector<Part> parts(together);
        for (std::size_t first = 0; first < blocks; first += together) {
            const std::size_t count_here = std::min(together, blocks - first);
            loop.each(count_here, [&](std::size_t i) {
                Part& part = parts[i];
                part = {};
                const std::int64_t begin = static_cast<std::int64_t>(first + i) * block;
                const std::int64_t count = std::min(block, rows - begin);
                Bytes decoded(static_cast<std::size_t>(count) * storage::row_bytes_of(array)),
                    wanted(decoded.size());
                try {
                    reader->read(begin, count, decoded.data());
                } catch (const Error& error) {
                    part.problem = error.what();
                    return;
                }
                if (original == nullptr) {
                    part.report.values =
                        decoded.size() / std::max<std::size_t>(1, array.value_bytes);
                } else {
                    original->read(before + begin, count, wanted.data());
                    if (array.numeric)
                        compare(array.type, wanted, decoded, bound, array.fill_value, part.report);
                    else
                        part.report.violations = decoded != wanted;
                }
            });
            for (std::size_t i = 0; i < count_here; ++i) {
                result.chunks += packed;
                result.values += parts[i].report.values;
                result.violations += parts[i].report.violations;
                result.max_error = std::max(result.max_error, parts[i].report.max_error);
                if (!parts[i].problem.empty() && result.problems.size() < 100)
                    result.problems.push_back(parts[i].problem);
            }
        }
    }
    return result;
}

}  // namespace narrows::codec
