#include "pipeline/recipes/source_text.hpp"

#include <algorithm>

namespace narrows::recipes {

void load_node(TomlText& toml, std::string_view id, const Source& source) {
    toml.node(id, "load").texts("file", source.data);
    if (!source.format.empty()) toml.text("format", source.format);
    if (!source.shape.empty()) toml.integers("shape", source.shape);
    if (!source.sample_type.empty()) toml.text("sample_type", source.sample_type);
    if (!source.label_column.empty()) toml.text("label_column", source.label_column);
    if (!source.columns.empty()) toml.text("columns", source.columns);
    if (source.window > 0) toml.integer("window", source.window);
    if (source.stride > 0) toml.integer("stride", source.stride);
    if (source.ply) toml.integer("ply", *source.ply);
    if (!source.scale.empty() && source.scale != "auto") toml.text("scale", source.scale);
    if (!source.on_bad_row.empty() && source.on_bad_row != "stop")
        toml.text("on_bad_row", source.on_bad_row);
    if (!source.part.empty()) toml.text("part", source.part);
    if (!source.on_drift.empty() && source.on_drift != "warn")
        toml.text("on_drift", source.on_drift);
    if (source.batch > 0) toml.integer("batch", source.batch);
}

void part_keys(TomlText& toml, const Source& source) {
    if (source.part.empty()) return;
    toml.text("part", source.part).integer("all_rows", source.all_rows);
}

void checkpoint_every(TomlText& toml, std::int64_t rows, std::int64_t batch) {
    constexpr std::int64_t steps_between = 100;
    const std::int64_t steps = std::max<std::int64_t>(1, (rows + batch - 1) / batch);
    if (steps < steps_between)
        toml.text("every", std::to_string((steps_between + steps - 1) / steps) + " epochs");
}

void corrupt_node(TomlText& toml, const Corruption& corruption, std::string_view input, double low,
                  double high) {
    std::string type = "corrupt." + corruption.kind;
    std::replace(type.begin(), type.end(), '-', '_');
    toml.node("noisy", type).text("in.x", input);
    const std::string strength = corruption.kind == "gaussian" ? "sigma" : "rate";
    toml.real(strength, corruption.amount);
    if (corruption.last) toml.real(strength + "_end", *corruption.last);
    if (corruption.kind == "salt-and-pepper" && (low != 0 || high != 1))
        toml.real("low", low).real("high", high);
}

void importance_node(TomlText& toml, const Importance& importance) {
    toml.node("importance", "measure.importance")
        .text("model", "ae")
        .text("in.x", "data.x")
        .text("in.mean", "code.mean")
        .text("in.log_variance", "code.log_variance")
        .integer("draws", importance.draws);
    if (importance.likelihood != "bernoulli") toml.text("likelihood", importance.likelihood);
    if (importance.scale != 1) toml.real("scale", importance.scale);
}

void label_keys(TomlText& toml, const LabelSource& labels) {
    toml.texts("labels_file", labels.data);
    if (!labels.format.empty()) toml.text("format", labels.format);
    if (!labels.column.empty()) toml.text("label_column", labels.column);
    if (!labels.columns.empty()) toml.text("columns", labels.columns);
}

}  // namespace narrows::recipes
