#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "datasets/dataset.hpp"
#include "pipeline/storage/whole_file.hpp"
#include "tools/console.hpp"
#include "tools/model_check.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

using nlohmann::ordered_json;
using storage::ArrayInfo;
using storage::FileInfo;

constexpr std::size_t long_text = 70;  // attributes beyond are shown by their length

ordered_json json_of(const storage::Attribute& value) {
    return std::visit([](const auto& v) -> ordered_json { return v; }, value);
}

std::string text_of(const storage::Attribute& value) {
    if (const auto* text = std::get_if<std::string>(&value))
        return text->size() <= long_text && text->find('\n') == std::string::npos
                   ? *text
                   : fmt::format("({} characters)", text->size());
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
    return fmt::format("{:g}", std::get<double>(value));
}

std::string layout_text(const ArrayInfo& array) {
    if (array.chunk.empty()) return "contiguous";
    std::string chunk;
    for (const std::int64_t extent : array.chunk)
        chunk += (chunk.empty() ? "" : "x") + std::to_string(extent);
    return "chunks " + chunk + (array.filters.empty() ? "" : " " + array.filters);
}

std::string type_text(const ArrayInfo& array) {
    if (!array.numeric) return "text";
    return storage::to_string(array.type) + (array.big_endian ? " big-endian" : "");
}

ordered_json json_of(const FileInfo& file, const std::string& path) {
    ordered_json out{{"file", path}, {"format", file.format}, {"bytes", file.bytes}};
    out["attributes"] = ordered_json::object();
    for (const auto& [name, value] : file.attributes) out["attributes"][name] = json_of(value);
    out["datasets"] = ordered_json::array();
    for (const ArrayInfo& array : file.arrays) {
        ordered_json one{{"path", array.path}, {"type", type_text(array)}};
        one["shape"] = std::vector<std::int64_t>(array.shape.begin(), array.shape.end());
        if (!array.chunk.empty()) one["chunk"] = array.chunk;
        if (!array.filters.empty()) one["filters"] = array.filters;
        one["stored_bytes"] = array.stored_bytes;
        if (array.fill_value && std::isfinite(*array.fill_value))
            one["fill_value"] = *array.fill_value;
        out["datasets"].push_back(std::move(one));
    }
    return out;
}

std::string table_of(const FileInfo& file, const std::string& path, bool all) {
    std::string out = fmt::format("{:<22}{}, {}\n{:<22}{}\n", "file", path,
                                  bytes_text(static_cast<double>(file.bytes)), "format",
                                  file.format.empty() ? "HDF5" : file.format);
    for (const auto& [name, value] : file.attributes)
        if (name != "format") out += fmt::format("{:<22}{}\n", name, text_of(value));
    std::size_t width = 8, type_width = 4, shape_width = 5;
    for (const ArrayInfo& array : file.arrays) {
        width = std::max(width, array.path.size());
        type_width = std::max(type_width, type_text(array).size());
        shape_width = std::max(shape_width, to_string(array.shape).size());
    }
    constexpr std::size_t shown = 40;
    std::size_t count = 0;
    if (!file.arrays.empty()) out += "datasets\n";
    for (const ArrayInfo& array : file.arrays) {
        if (!all && count++ == shown) {
            out += fmt::format("  ... {} more, see -v\n", file.arrays.size() - shown);
            break;
        }
        out += fmt::format("  {:<{}}  {:<{}}  {:<{}}  {}, {}\n", array.path, width,
                           type_text(array), type_width, to_string(array.shape), shape_width,
                           layout_text(array), bytes_text(static_cast<double>(array.stored_bytes)));
    }
    return out;
}

// Anything else that narrows reads: rows, shape and type.
int other_data(const Common& common, const std::string& path) {
    const datasets::DataSpec spec = datasets::parse_data(path);
    const auto data = datasets::open({&spec, 1});
    Results results;
    results.add("file", path);
    results.add("name", data->name());
    results.add("rows", data->rows());
    results.add("sample", to_string(data->sample()));
    results.add("type", storage::to_string(data->type()));
    results.add("labels", static_cast<std::int64_t>(data->labels().size()));
    print_results(common, results, ResultsAre::data);
    return 0;
}

}  // namespace

int info(CommandLine& line) {
    std::string path;
    bool check = false;
    line.positional("FILE", path, "an HDF5 file, or any data that narrows reads");
    line.flag("--check", check,
              "read every value, verify checksums and the schema that `format` names; of a model "
              "also its "
              "test vectors");
    line.parse();
    const Common& common = line.common();
    select_kernel(common);
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored) || !storage::is_hdf5(path))
        return other_data(common, path);

    const FileInfo file = storage::look(path);
    std::optional<ModelReport> model;
    if (file.format == "narrows-model" || file.format == "narrows-checkpoint")
        model = inspect_model(path, file.format, make_session(common).registry(), check);
    storage::FileCheck whole;
    if (check && !model) whole = storage::check_file(path);
    if (common.json) {
        ordered_json out = json_of(file, path);
        if (model) out["model"] = model->json;
        if (check && !model)
            out["check"] = {{"datasets", whole.datasets},
                            {"bytes", whole.bytes},
                            {"checksums", whole.checksums},
                            {"problems", whole.problems}};
        fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    } else {
        fmt::print("{}", table_of(file, path, common.verbose));
        if (model) fmt::print("{}", model->text);
        if (check && !model)
            fmt::print("{:<22}{} datasets, {} read, {} checksums hold, {} problems\n", "check",
                       whole.datasets, bytes_text(static_cast<double>(whole.bytes)),
                       whole.checksums, whole.problems.size());
        for (const std::string& problem : whole.problems) fmt::print("  {}\n", problem);
    }
    if (!whole.problems.empty()) return static_cast<int>(Fault::input);
    return model && model->failed ? static_cast<int>(Fault::run) : 0;
}

}  // namespace narrows::tools
