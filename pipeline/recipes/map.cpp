// A map of codes, or of samples as they are.
#include "pipeline/recipes/recipes.hpp"
#include "pipeline/recipes/source_text.hpp"

namespace narrows::recipes {

std::string map(const MapOptions& o) {
    TomlText toml("map");
    toml.run("stream", o.seed);
    const bool codes = !o.model.empty();
    if (codes) toml.table("model.ae").text("file", o.model);
    Source source = o.source;
    if (source.batch == 0) source.batch = packet;
    load_node(toml, "data", source);
    if (codes) toml.node("code", "encode").text("model", "ae").text("in.x", "data.x");
    toml.node("out", "view.map").text("in.z", codes ? "code.z" : "data.x");
    if (codes) toml.text("model", "ae");
    if (codes && o.shows_samples) toml.text("in.x", "data.x");
    toml.text("file", o.output);
    if (!o.method.empty()) toml.text("method", o.method);
    if (o.perplexity) toml.real("perplexity", *o.perplexity);
    if (o.iterations > 0) toml.integer("iterations", o.iterations);
    if (o.neighbours > 0) toml.integer("neighbours", o.neighbours);
    if (!o.labels.data.empty()) label_keys(toml, o.labels);
    if (!o.sample_shape.empty()) toml.integers("sample_shape", o.sample_shape);
    return toml.str();
}

}  // namespace narrows::recipes
