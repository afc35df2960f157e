// The verbs that judge what a model learnt: how good its codes are, what it finds odd.
#include "pipeline/recipes/recipes.hpp"
#include "pipeline/recipes/source_text.hpp"

namespace narrows::recipes {
namespace {

TomlText begin(std::string_view title, const Source& given, const std::string& model,
               std::uint64_t seed) {
    TomlText toml(title);
    toml.run("stream", seed);
    toml.table("model.ae").text("file", model);
    Source source = given;
    if (source.batch == 0) source.batch = packet;
    load_node(toml, "data", source);
    toml.node("code", "encode").text("model", "ae").text("in.x", "data.x");
    return toml;
}

}  // namespace

std::string probe(const ProbeOptions& o) {
    TomlText toml = begin("probe", o.source, o.model, o.seed);
    toml.node("probe", "measure.probe").text("in.x", "data.x").text("in.z", "code.z");
    label_keys(toml, o.labels);
    toml.integer("neighbours", o.neighbours);
    if (o.test_samples > 0)
        toml.integer("test_rows", o.test_samples);
    else
        toml.integer("splits", o.splits);
    return toml.str();
}

std::string score(const ScoreOptions& o) {
    TomlText toml = begin("score", o.source, o.model, o.seed);
    toml.node("recon", "decode").text("model", "ae").text("in.z", "code.z");
    if (o.importance.draws > 0) importance_node(toml, o.importance);
    toml.node("out", "store.scores")
        .text("model", "ae")
        .text("in.prediction", "recon.x")
        .text("in.target", "data.x")
        .text("file", o.output);
    if (o.importance.draws > 0) toml.text("in.score", "importance.per_sample");
    if (!o.labels.data.empty()) label_keys(toml, o.labels);
    if (o.per_feature) toml.flag("per_feature", true);
    if (o.quantile > 0) toml.real("threshold_quantile", o.quantile);
    if (o.reference_samples > 0) toml.integer("reference_rows", o.reference_samples);
    if (o.series_rows > 0) {
        toml.integer("series_rows", o.series_rows);
        toml.integer("stride", o.source.stride > 0 ? o.source.stride : o.source.window);
    }
    part_keys(toml, o.source);
    return toml.str();
}

}  // namespace narrows::recipes
