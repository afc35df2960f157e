#include <algorithm>

#include <fmt/format.h>

#include "pipeline/recipes/recipes.hpp"
#include "pipeline/recipes/source_text.hpp"

namespace narrows::recipes {
namespace {

std::string dense(std::int64_t units, std::string_view act, std::string_view init) {
    std::string text = fmt::format("{{ dense = {}", units);
    if (act != "linear") text += fmt::format(", act = {}", quoted(act));
    if (!init.empty()) text += fmt::format(", init = {}", quoted(init));
    return text + " }";
}

std::string stack(const std::vector<std::string>& layers) {
    std::string text = "[\n";
    for (const std::string& layer : layers) text += "    " + layer + ",\n";
    return text + "]";
}

void model_table(TomlText& toml, const Choices& c) {
    if (!c.model_text.empty()) {
        toml.lines(c.model_text);
        return;
    }
    std::vector<std::string> encoder, decoder;
    if (c.normalise) encoder.push_back("{ normalise = true }");
    for (const std::int64_t width : c.hidden) encoder.push_back(dense(width, c.hidden_act, c.init));
    encoder.push_back(dense(c.latent, c.code_act, c.init));
    for (auto width = c.hidden.rbegin(); width != c.hidden.rend(); ++width)
        decoder.push_back(dense(*width, c.hidden_act, c.init));
    decoder.push_back(dense(c.facts.features(), c.output_act, c.init));
    if (c.normalise) decoder.push_back("{ normalise = true, inverse = true }");
    const std::vector<std::int64_t> input(c.facts.sample.begin(), c.facts.sample.end());
    toml.table("model." + c.model_name)
        .integers("input", input)
        .raw("encoder", stack(encoder))
        .raw("decoder", stack(decoder));
}

// Salt and pepper stand at the ends of the data's range.
void corrupt_node(TomlText& toml, const Choices& c) {
    std::string type = "corrupt." + c.corruption.kind;
    std::replace(type.begin(), type.end(), '-', '_');
    toml.node("noisy", type).text("in.x", "data.x");
    toml.real(c.corruption.kind == "gaussian" ? "sigma" : "rate", c.corruption.amount);
    if (c.corruption.kind == "salt-and-pepper" && !c.facts.unit_range())
        toml.real("low", c.facts.low).real("high", c.facts.high);
}

}  // namespace

std::string train(const Choices& c) {
    TomlText toml(c.preset.empty() ? "train" : "train: preset " + c.preset);
    toml.run("train", c.seed).integer("epochs", c.epochs);
    if (c.patience > 0) toml.integer("patience", c.patience);
    model_table(toml, c);

    Source source = c.source;
    source.batch = c.batch;
    load_node(toml, "data", source);
    toml.flag("shuffle", true);
    if (c.validation_fraction > 0) toml.real("validation", c.validation_fraction);
    if (!c.validation_data.empty()) toml.text("validation_file", c.validation_data);

    const bool noisy = !c.corruption.kind.empty();
    if (noisy) corrupt_node(toml, c);
    toml.node("code", "encode").text("model", c.model_name).text("in.x", noisy ? "noisy.x" : "data.x");
    toml.node("recon", "decode").text("model", c.model_name).text("in.z", "code.z");
    toml.node("loss", "loss." + c.loss)
        .text("in.prediction", "recon.x")
        .text("in.target", "data.x");
    toml.node("step", "optimize." + c.optimizer)
        .text("model", c.model_name)
        .text("in.loss", "loss.value")
        .real("rate", c.rate);
    if (c.schedule != "constant") toml.text("schedule", c.schedule);
    toml.node("keep", "store.checkpoint").text("in.after", "step.done").text("file", c.output);
    if (c.keep_checkpoints) toml.flag("keep_checkpoints", true);
    return toml.str();
}

}  // namespace narrows::recipes
