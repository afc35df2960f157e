#include <algorithm>
#include <map>

#include "pipeline/storage/array_rows.hpp"
#include "pipeline/storage/block_hashes.hpp"
#include "pipeline/storage/difference.hpp"
#include "pipeline/storage/file.hpp"
#include "pipeline/storage/join_packed.hpp"
#include "pipeline/storage/link_parts.hpp"
#include "pipeline/storage/part.hpp"
#include "pipeline/storage/restored_writer.hpp"
#include "pipeline/storage/whole_file.hpp"

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;
using Opened = OpenedPart;
const Attribute* value_of(const Attributes& all, const std::string& name) {
    for (const auto& [key, value] : all)
        if (key == name) return &value;
    return nullptr;
}

std::int64_t integer(const Opened& part, const std::string& name) {
    const Attribute* value = value_of(part.info.attributes, name);
    const auto* number = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
    if (number == nullptr)
        throw Error(Fault::input, in_quotes(part.path) + " is no part: it does not say its " + name,
                    "parts are made by --part i/n");
    return *number;
}

Opened open_part(const fs::path& path) {
    Opened part{path, look(path)};
    if (part.info.format != "narrows-codes" && part.info.format != "narrows-scores" &&
        !is_packed_format(part.info))
        throw Error(Fault::input,
                    in_quotes(path) + " holds neither codes nor scores nor packed rows, but is " +
                        (part.info.format.empty() ? "of no narrows format" : part.info.format),
                    "join takes what encode, score and compress wrote with --part");
    part.number = integer(part, "part");
    part.count = integer(part, "parts");
    part.first_row = integer(part, "first_row");
    part.all_rows = integer(part, "all_rows");
    if (part.count < 1 || part.count > most_parts || part.all_rows < part.count)
        throw Error(Fault::input,
                    in_quotes(path) + " says that it is one of " + std::to_string(part.count) +
                        " parts of " + std::to_string(part.all_rows) + " rows, which cannot be",
                    "make this part again");
    const auto about_the_part = [](const ArrayInfo& array) {
        return array.path == "/rows_done" || array.path == "/complete" || are_checksums(array.path);
    };
    if (!is_packed_format(part.info)) std::erase_if(part.info.arrays, about_the_part);
    return part;
}

std::string name_of(const Opened& part) {
    return "part " + std::to_string(part.number) + " of " + std::to_string(part.count) + ", " +
           in_quotes(part.path) + ",";
}

// Of one run: the same model, data, seed and settings.
void check_same_run(const Opened& first, const Opened& other) {
    const auto refuse = [&](const std::string& what) {
        throw Error(
            Fault::input,
            name_of(other) + " is of another run than " + in_quotes(first.path) + ": " + what,
            "join the parts of one run, made with the same options but --part");
    };
    if (first.count != other.count || first.all_rows != other.all_rows)
        refuse("it is one of " + std::to_string(other.count) + " parts of " +
               std::to_string(other.all_rows) + " rows, not of " + std::to_string(first.count) +
               " of " + std::to_string(first.all_rows));
    const Attributes a = joined_attributes(first.info.attributes),
                     b = joined_attributes(other.info.attributes);
    for (const auto& [name, value] : a) {
        const Attribute* there = value_of(b, name);
        if (there != nullptr && *there == value) continue;
        const auto* here = std::get_if<std::string>(&value);
        const auto* text = there == nullptr ? nullptr : std::get_if<std::string>(there);
        if (name == "pipeline" && here != nullptr && text != nullptr)
            refuse("in its pipeline, " + first_difference(*text, *here));
        refuse(name + " differs");
    }
    if (a.size() != b.size()) refuse("it has other attributes");
    if (is_packed_format(first.info)) return;  // see check_packed_rows()
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
        if (!is_packed_format(part.info)) check_rows(part);
        const auto [there, fresh] = by_number.try_emplace(part.number, part);
        if (!fresh)
            throw Error(Fault::input,
                        name_of(part) + " is there twice, also as " + in_quotes(there->second.path),
                        "name each part once");
    }
    std::vector<Opened> parts;
    std::string missing;
    for (auto& [number, part] : by_number) parts.push_back(std::move(part));
    constexpr std::int64_t most_named = 20;
    std::int64_t left_out = 0;
    for (std::int64_t number = 1; number <= parts[0].count; ++number)
        if (!by_number.contains(number) && ++left_out <= most_named)
            missing += (missing.empty() ? "" : ", ") + std::to_string(number);
    if (left_out > most_named) missing += " and " + std::to_string(left_out - most_named) + " more";
    if (!missing.empty())
        throw Error(Fault::input,
                    "of " + std::to_string(parts[0].count) + " parts these are missing: " + missing,
                    "make them with --part, or name them too");
    if (is_packed_format(parts[0].info)) check_packed_rows(parts);
    if (parts[0].info.arrays.empty())
        throw Error(Fault::input, in_quotes(parts[0].path) + " has no datasets", "make it again");
    return parts;
}

// A joined file in the folder of its parts is joined again: it is none of them.
std::vector<fs::path> files_of(std::span<const fs::path> named, const fs::path& to) {
    std::vector<fs::path> files;
    for (const fs::path& path : named) {
        std::error_code ignored;
        if (!fs::is_directory(path, ignored)) {
            if (fs::equivalent(path, to, ignored))
                throw Error(Fault::usage, "output " + in_quotes(to) + " is also an input",
                            "write to another file");
            files.push_back(path);
            continue;
        }
        const std::size_t before = files.size();
        for (const fs::directory_entry& entry : fs::directory_iterator(path, ignored))
            if (entry.path().extension() == ".h5" && !fs::equivalent(entry.path(), to, ignored))
                files.push_back(entry.path());
        if (files.size() == before)
            throw Error(Fault::input, "there is no .h5 file in the folder " + in_quotes(path),
                        "name the folder that --part wrote to");
        std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
    }
    return files;
}

void copy_rows(const std::vector<Opened>& parts, FileInfo info, const fs::path& to) {
    const std::size_t arrays = info.arrays.size();
    std::vector<BlockHashes> hashes;
    for (std::size_t number = 0; number < arrays; ++number) {
        hashes.emplace_back(row_bytes_of(info.arrays[number]));
        ArrayInfo check;
        check.path = checksums_of(info.arrays[number].path);
        check.type = Numeric::u64;
        check.value_bytes = sizeof(std::uint64_t);
        check.shape = {hashed_blocks(parts[0].all_rows), 2};
        info.arrays.push_back(std::move(check));
    }
    RestoredWriter out(to, info);
    const auto put_hash = [&](std::size_t number) {
        return [&out, number, arrays](std::int64_t block, Hash128 hash) {
            const std::uint64_t pair[2] = {hash.low, hash.high};
            out.write(arrays + number, block, std::as_bytes(std::span(pair)));
        };
    };
    std::vector<std::byte> rows;
    for (const Opened& part : parts) {
        const ArrayFile file(part.path);
        for (std::size_t number = 0; number < arrays; ++number) {
            const auto reader = open_as(file, part.info.arrays[number]);
            const std::size_t row = row_bytes_of(info.arrays[number]);
            const std::int64_t count = reader->info().shape[0];
            const auto step = static_cast<std::int64_t>(
                std::max<std::size_t>(1, joined_at_once / std::max<std::size_t>(1, row)));
            for (std::int64_t first = 0; first < count; first += step) {
                const std::int64_t here = std::min(step, count - first);
                rows.resize(static_cast<std::size_t>(here) * row);
                reader->read(first, here, rows.data());
                out.write(number, part.first_row + first, rows);
                hashes[number].add(rows.data(), here, put_hash(number));
            }
        }
    }
    for (std::size_t number = 0; number < arrays; ++number) hashes[number].finish(put_hash(number));
    out.commit();
}

}  // namespace

void join(std::span<const fs::path> named, const fs::path& to, Joined how) {
    const std::vector<Opened> parts = open_all(files_of(named, to));
    FileInfo info;
    info.format = parts[0].info.format;
    info.attributes = joined_attributes(parts[0].info.attributes);
    info.arrays = parts[0].info.arrays;
    info.beside = parts[0].info.beside;
    std::erase_if(info.beside.attributes,
                  [](const ExactAttribute& one) { return is_of_part(one.name); });
    for (ExactAttribute& one : info.beside.attributes)  // the pipeline says no part any more
        if (const Attribute* value =
                one.name == "pipeline" ? value_of(info.attributes, one.name) : nullptr)
            if (const auto* text = std::get_if<std::string>(value)) set_text(one, *text);
    std::erase_if(info.beside.groups, [](const ExactGroup& one) {
        return one.path == checks_group && one.attributes.empty();
    });
    for (ArrayInfo& array : info.arrays)
        if (!is_packed_format(info) || goes_on(array, parts))
            array.shape = array.shape.sample().with_batch(parts[0].all_rows);
    if (how == Joined::copy && is_packed_format(info))
        copy_packed(parts, info, to);
    else if (how == Joined::copy)
        copy_rows(parts, info, to);
    else
        link_parts(parts, info, to);
}

}  // namespace narrows::storage
