#include "tools/model_check.hpp"

#include <fmt/format.h>

#include "pipeline/storage/bundle.hpp"

namespace narrows::tools {
namespace {

const std::string* text_of(const storage::Bundle& bundle, std::string_view name) {
    const storage::Attribute* attribute = bundle.attribute(name);
    return attribute == nullptr ? nullptr : std::get_if<std::string>(attribute);
}

}  // namespace

// read_bundle verifies the checksum of the whole file before anything else.
ModelReport inspect_model(const std::string& path, const std::string& format, const registry::Registry&,
                          bool) {
    const storage::Bundle bundle = storage::read_bundle(path, format);
    ModelReport report;
    report.json = nlohmann::ordered_json::object();
    std::int64_t values = 0;
    for (const storage::Array& array : bundle.arrays)
        if (array.path.starts_with("/model/")) values += array.shape.elements();
    report.json["step"] = bundle.step;
    report.json["values"] = values;
    if (const std::string* hash = text_of(bundle, "model_sha256")) report.json["model_sha256"] = *hash;
    report.text = fmt::format("model         {} values, step {}\nchecksum      whole\n", values, bundle.step);
    return report;
}

}  // namespace narrows::tools
