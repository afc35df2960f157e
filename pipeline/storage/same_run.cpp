#include "pipeline/storage/same_run.hpp"

#include <algorithm>

#include "pipeline/storage/difference.hpp"
#include "pipeline/storage/file.hpp"

namespace narrows::storage {
namespace {

namespace fs = std::filesystem;

std::string shown(const Attribute* value) {
    if (value == nullptr) return "nothing";
    if (const auto* integer = std::get_if<std::int64_t>(value)) return std::to_string(*integer);
    if (const auto* real = std::get_if<double>(value)) return std::to_string(*real);
    return "\"" + std::get<std::string>(*value) + "\"";
}

// Says nothing of the run. A compressed file keeps what its rows were under "narrows_source_...".
bool of_every_file(const std::string& name) {
    return name == "format" || name == "format_version" || name == "created_by" ||
           name.starts_with("narrows_source_");
}

const Attribute* find(const Attributes& all, const std::string& name) {
    for (const auto& [key, value] : all)
        if (key == name) return &value;
    return nullptr;
}

void compare_array(const FileInfo& there, const ArrayInfo& here, const fs::path& path) {
    const auto found =
        std::find_if(there.arrays.begin(), there.arrays.end(),
                     [&](const ArrayInfo& array) { return array.path == here.path; });
    if (found == there.arrays.end()) another_run(path, "it has no " + here.path);
    if (!(found->shape == here.shape))
        another_run(path, here.path + " is " + to_string(found->shape) + " there, " +
                              to_string(here.shape) + " here");
    if (!found->numeric || found->type != here.type)
        another_run(path, here.path + " is of another type");
}

}  // namespace

void another_run(const fs::path& path, const std::string& what) {
    throw Error(Fault::usage, in_quotes(path) + " belongs to another run: " + what,
                "remove it, run without --resume, or choose another output");
}

void compare_origin(const Attributes& there, const std::string& format, const Attributes& here,
                    const fs::path& path) {
    const auto differ = [&](const std::string& name, const Attribute* a, const Attribute* b) {
        if (a != nullptr && b != nullptr && *a == *b) return;
        const auto* there_text = a == nullptr ? nullptr : std::get_if<std::string>(a);
        const auto* here_text = b == nullptr ? nullptr : std::get_if<std::string>(b);
        if (there_text != nullptr && here_text != nullptr &&
            there_text->find('\n') != std::string::npos)
            another_run(path, "in its " + name + ", " + first_difference(*there_text, *here_text));
        another_run(path, name + " is " + shown(a) + " there, " + shown(b) + " here");
    };
    const Attribute own_format = format;
    differ("format", find(there, "format"), &own_format);
    for (const auto& [name, value] : here) differ(name, find(there, name), &value);
    for (const auto& [name, value] : there)
        if (!of_every_file(name)) differ(name, &value, find(here, name));
}

bool finished_before(const fs::path& path, const FileInfo& wanted) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return false;
    if (!is_hdf5(path)) another_run(path, "it is no HDF5 file");
    const FileInfo there = look(path);
    compare_origin(there.attributes, wanted.format, wanted.attributes, path);
    for (const ArrayInfo& array : wanted.arrays) compare_array(there, array, path);
    return true;
}

bool finished_before(const fs::path& path, const CodesLayout& layout) {
    FileInfo wanted;
    wanted.format = layout.format;
    wanted.attributes = layout.attributes;
    for (const CodesColumn& column : layout.columns) {
        ArrayInfo& array = wanted.arrays.emplace_back();
        array.path = column.name;
        array.type = numeric_of(column.type);
        array.shape = column.sample.with_batch(column.rows < 0 ? layout.rows : column.rows);
    }
    return finished_before(path, wanted);
}

bool finished_before(const fs::path& path, const DatasetLayout& layout) {
    FileInfo wanted;
    wanted.format = "narrows-dataset";
    wanted.attributes = layout.attributes;
    ArrayInfo& array = wanted.arrays.emplace_back();
    array.path = "/samples";
    array.type = layout.type;
    array.shape = layout.sample.with_batch(layout.rows);
    return finished_before(path, wanted);
}

void refuse_unknown_run(const fs::path& path) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return;
    throw Error(Fault::usage,
                in_quotes(path) + " is there, and cannot tell whether it is of this run",
                "remove it, run without --resume, or write an HDF5 file");
}

Numeric numeric_of(Type type) {
    switch (type) {
        case Type::f32:
            return Numeric::f32;
        case Type::f64:
            return Numeric::f64;
        case Type::u8:
            return Numeric::u8;
        case Type::i32:
            return Numeric::i32;
        case Type::i64:
            return Numeric::i64;
    }
    return Numeric::f32;
}

}  // namespace narrows::storage
