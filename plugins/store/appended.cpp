#include "plugins/store/appended.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/storage/whole_file.hpp"

namespace narrows::plugins {
namespace {

constexpr std::int64_t most_rows_a_block = 4096;
constexpr const char* appends = "appends";
constexpr const char* last_pipeline = "appended_pipeline";

using Attributes = std::vector<std::pair<std::string, storage::Attribute>>;

storage::Attribute* find(Attributes& all, const std::string& name) {
    for (auto& [key, value] : all)
        if (key == name) return &value;
    return nullptr;
}

void put(Attributes& all, const std::string& name, storage::Attribute value) {
    if (storage::Attribute* there = find(all, name))
        *there = std::move(value);
    else
        all.emplace_back(name, std::move(value));
}

bool says_how_it_was_made(const std::string& name) {
    return name == "format" || name == "format_version" || name == "created_by" ||
           name == "pipeline" || name == appends || name == last_pipeline;
}

[[noreturn]] void other(const std::string& file, const std::string& what) {
    throw Error(Fault::usage, fmt::format("nothing is appended to \"{}\": {}", file, what),
                "encode into a file of its own, with the same model and options to append");
}

}  // namespace

AppendedTo::AppendedTo(const std::string& file, const storage::CodesLayout& layout)
    : file_(file), source_(file), whole_(layout) {
    const storage::FileInfo info = source_.look();
    if (info.format != layout.format)
        other(file,
              fmt::format("it is {}, not {}",
                          info.format.empty() ? "no file of narrows" : info.format, layout.format));
    compare(info, layout);
    whole_.rows = rows_ + layout.rows;
    whole_.attributes.clear();
    for (const auto& [name, value] : info.attributes)
        if (name != "format" && name != "format_version" && name != "created_by")
            whole_.attributes.emplace_back(name, value);
    const storage::Attribute* before = find(whole_.attributes, appends);
    const auto* count = before == nullptr ? nullptr : std::get_if<std::int64_t>(before);
    put(whole_.attributes, appends, (count == nullptr ? 0 : *count) + 1);
    for (const auto& [name, value] : layout.attributes)
        if (name == "pipeline") put(whole_.attributes, last_pipeline, value);
}

void AppendedTo::compare(const storage::FileInfo& info, const storage::CodesLayout& layout) {
    const auto compare_attribute = [&](const std::string& name, const storage::Attribute* there,
                                       const storage::Attribute* here) {
        if (says_how_it_was_made(name)) return;
        if (there != nullptr && here != nullptr && *there == *here) return;
        other(file_, name == "model_sha256" ? "its codes are of another model"
                                            : fmt::format("its {} is another one", name));
    };
    Attributes here = layout.attributes, there = info.attributes;
    for (const auto& [name, value] : here) compare_attribute(name, find(there, name), &value);
    for (const auto& [name, value] : there) compare_attribute(name, &value, find(here, name));
    for (const storage::CodesColumn& column : layout.columns) {
        const auto found = std::find_if(info.arrays.begin(), info.arrays.end(),
                                        [&](const auto& a) { return a.path == column.name; });
        if (found == info.arrays.end()) other(file_, fmt::format("it has no {}", column.name));
        if (!(found->shape.sample() == column.sample) ||
            found->type != storage::numeric_of(column.type))
            other(file_, fmt::format("its {} is {} a row, here {}", column.name,
                                     to_string(found->shape.sample()), to_string(column.sample)));
        rows_ = found->shape[0];
    }
    for (const storage::ArrayInfo& array : info.arrays) {
        const bool known =
            std::any_of(layout.columns.begin(), layout.columns.end(),
                        [&](const auto& column) { return column.name == array.path; });
        if (!known && array.path != "/rows_done" && array.path != "/complete" &&
            !storage::are_checksums(array.path))
            other(file_, fmt::format("it has {}, which these rows have not", array.path));
    }
}

void AppendedTo::copy_to(storage::CodesWriter& writer) const {
    for (std::size_t column = 0; column < whole_.columns.size(); ++column) {
        const auto reader = source_.open(whole_.columns[column].name);
        const auto bytes = static_cast<std::size_t>(whole_.columns[column].sample.elements()) *
                           size_of(whole_.columns[column].type);
        const std::int64_t rows_a_block = std::clamp<std::int64_t>(
            static_cast<std::int64_t>(AppendedTo::block_bytes / std::max<std::size_t>(1, bytes)), 1,
            most_rows_a_block);
        std::vector<std::byte> block(bytes * static_cast<std::size_t>(rows_a_block));
        for (std::int64_t first = 0; first < rows_; first += rows_a_block) {
            const std::int64_t count = std::min(rows_a_block, rows_ - first);
            reader->read(first, count, block.data());
            writer.write(column, first, count, block.data());
        }
    }
    writer.rows_written(rows_);
}

}  // namespace narrows::plugins
