#include "tools/model_check.hpp"

#include <fmt/format.h>

#include "pipeline/model/model_file.hpp"

namespace narrows::tools {
namespace {

nlohmann::ordered_json layers_of(const model::Stack& stack) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (std::size_t i = 0; i < stack.size(); ++i) list.push_back(stack.layer(i).describe());
    return list;
}

// Rebuilds the model: what the file says of itself is then what narrows would compute with.
void describe_model(const std::string& path, const storage::Bundle& bundle,
                    const registry::Registry& registry, bool check, ModelReport& report) {
    model::Autoencoder model;
    ModelSpec spec;
    spec.name = "model";
    spec.file = path;
    model.build(spec, registry, 1);
    report.json["description"] = model.describe();
    report.json["input"] = to_string(model.input_shape());
    report.json["code"] = to_string(model.code_shape());
    report.json["encoder"] = layers_of(model.encoder());
    report.json["decoder"] = layers_of(model.decoder());
    report.text += fmt::format("{:<22}{}\n", "model", model.describe());
    if (!model.classes().empty()) {
        std::string classes;
        for (std::size_t i = 0; i < model.classes().size(); ++i)
            classes +=
                (i ? ", " : "") + (model.class_names().empty() ? std::to_string(model.classes()[i])
                                                               : model.class_names()[i]);
        report.json["classes"] = model.classes();
        report.json["class_names"] = model.class_names();
        report.text += fmt::format("{:<22}{}\n", "classes", classes);
    }
    if (!check) return;
    const std::string* stored = storage::text_attribute(bundle.attributes, "model_sha256");
    const bool hash = stored != nullptr && *stored == model.sha256();
    const bool vectors = model::reproduces_test_vectors(bundle, model);
    report.json["hash_verified"] = hash;
    report.json["reproduces_test_vectors"] = vectors;
    report.failed = !hash || !vectors;
    report.text += fmt::format(
        "{:<22}{}\n{:<22}{}\n", "hash",
        hash ? "that of weights and architecture" : "not that of the weights in the file",
        "test vectors",
        vectors ? "this machine gives the same bits" : "this machine gives other bits");
}

}  // namespace

// read_bundle verifies the checksum of the whole file before anything else.
ModelReport inspect_model(const std::string& path, const std::string& format,
                          const registry::Registry& registry, bool check) {
    const storage::Bundle bundle = storage::read_bundle(path, format);
    ModelReport report;
    report.json = nlohmann::ordered_json::object();
    std::int64_t values = 0;
    for (const storage::Array& array : bundle.arrays)
        if (array.path.starts_with("/model/")) values += array.shape.elements();
    report.json["values"] = values;
    report.text = fmt::format("{:<22}whole\n{:<22}{}\n", "checksum", "values", values);
    if (format == "narrows-checkpoint") {
        report.json["step"] = bundle.step;
        report.text += fmt::format("{:<22}{}\n", "step", bundle.step);
    } else {
        describe_model(path, bundle, registry, check, report);
    }
    return report;
}

}  // namespace narrows::tools
