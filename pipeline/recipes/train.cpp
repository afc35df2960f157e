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

// Widths halve the picture or signal three times; the code is what is left of it.
std::string convolutions(const Choices& c) {
    const bool picture = c.facts.sample.rank() >= 2;
    const std::string type = picture ? "conv" : "conv1d";
    std::vector<std::string> layers;
    for (const std::int64_t channels : c.hidden) {
        layers.push_back(fmt::format("{{ {} = {}, kernel = 3, act = {}{} }}", type, channels,
                                     quoted(c.hidden_act),
                                     c.init.empty() ? "" : ", init = " + quoted(c.init)));
        layers.push_back("{ max_pool = 2, ceil = true }");
    }
    return stack(layers);
}

// k has fallen to its value well before dead units are no longer started anew (70 %).
std::string top_k(const Choices& c) {
    const auto k = static_cast<std::int64_t>(c.sparsity_amount);
    const std::int64_t start = std::min(4 * k, c.latent), epochs = c.epochs / 2;
    if (start <= k || epochs < 1) return fmt::format("{{ top_k = {} }}", k);
    return fmt::format("{{ top_k = {}, start = {}, epochs = {} }}", k, start, epochs);
}

void centred_layers(TomlText& toml, const Choices& c) {
    const std::vector<std::int64_t> input(c.facts.sample.begin(), c.facts.sample.end());
    const std::string code = fmt::format("{{ dense = {}, unit_norm = true }}", c.latent);
    const std::string back = fmt::format("{{ dense = {}, bias = false }}", c.facts.features());
    toml.table("model." + c.model_name)
        .integers("input", input)
        .raw("encoder", stack({"{ centre = true }", code, top_k(c)}))
        .raw("decoder", stack({back, "{ centre = true, inverse = true }"}));
    toml.flag("tied", true);
}

void model_table(TomlText& toml, const Choices& c) {
    if (!c.model_text.empty()) {
        toml.lines(c.model_text);
        return;
    }
    const std::vector<std::int64_t> input(c.facts.sample.begin(), c.facts.sample.end());
    if (c.convolutional) {
        toml.table("model." + c.model_name)
            .integers("input", input)
            .raw("encoder", convolutions(c));
        toml.text("decoder", "mirror");
        if (c.output_act != "linear") toml.text("output", c.output_act);
        if (c.tied) toml.flag("tied", true);
        return;
    }
    std::vector<std::string> encoder, decoder;
    if (c.normalise) encoder.push_back("{ normalise = true }");
    if (c.centred) {
        centred_layers(toml, c);
        return;
    }
    for (const std::int64_t width : c.hidden) encoder.push_back(dense(width, c.hidden_act, c.init));
    encoder.push_back(dense(c.variational ? 2 * c.latent : c.latent, c.code_act, c.init));
    if (c.sparsity == "k") encoder.push_back(top_k(c));
    for (auto width = c.hidden.rbegin(); width != c.hidden.rend(); ++width)
        decoder.push_back(dense(*width, c.hidden_act, c.init));
    decoder.push_back(dense(c.facts.features(), c.output_act, c.init));
    if (c.normalise) decoder.push_back("{ normalise = true, inverse = true }");
    toml.table("model." + c.model_name)
        .integers("input", input)
        .raw("encoder", stack(encoder))
        .raw("decoder", stack(decoder));
    if (c.tied) toml.flag("tied", true);
    if (c.variational) toml.text("latent", "gaussian");
}

// What the code pays beside the reconstruction; gives the optimiser's list of losses. A mean over
// features is 2 / features of the Gaussian's nats, so the divergence is weighed alike.
std::string penalties(TomlText& toml, const Choices& c) {
    std::string losses = quoted("loss.value");
    if (c.variational) {
        toml.node("kl", "penalty.kl")
            .text("in.mean", "code.mean")
            .text("in.log_variance", "code.log_variance");
        const double beta =
            c.loss == "bce" ? c.beta : 2 * c.beta / static_cast<double>(c.facts.features());
        if (beta != 1) toml.real("beta", beta);
        losses += ", " + quoted("kl.value");
    }
    if (c.sparsity == "l1") {
        toml.node("sparse", "penalty.l1").text("in.h", "code.z").real("weight", c.sparsity_amount);
        losses += ", " + quoted("sparse.value");
    }
    if (c.sparsity == "kl") {
        toml.node("sparse", "penalty.activity")
            .text("in.h", "code.z")
            .real("target", c.sparsity_amount);
        losses += ", " + quoted("sparse.value");
    }
    return "[" + losses + "]";
}

// Salt and pepper stand at the ends of the data's range.
void corrupt_node(TomlText& toml, const Choices& c, std::string_view input) {
    std::string type = "corrupt." + c.corruption.kind;
    std::replace(type.begin(), type.end(), '-', '_');
    toml.node("noisy", type).text("in.x", input);
    toml.real(c.corruption.kind == "gaussian" ? "sigma" : "rate", c.corruption.amount);
    if (c.corruption.kind == "salt-and-pepper" && !c.facts.unit_range())
        toml.real("low", c.facts.low).real("high", c.facts.high);
}

// One stage a pair of layers, outermost first, then one for all.
void stages(TomlText& toml, const Choices& c) {
    const std::size_t layers = c.hidden.size() + 1;
    for (std::size_t i = 0; i < layers; ++i) {
        const std::size_t mirror = layers - 1 - i;
        toml.lines("[[stage]]");
        toml.text("name", fmt::format("layer {}", i + 1)).integer("epochs", c.pretrain_epochs);
        const std::string parts[] = {fmt::format("{}.encoder.{}", c.model_name, i),
                                     fmt::format("{}.decoder.{}", c.model_name, mirror)};
        toml.texts("train", parts);
        const auto place = [&](std::string_view key, std::size_t value) {
            toml.integer(fmt::format("node.{}", key), static_cast<std::int64_t>(value));
        };
        if (i > 0) place("below.layers", i);
        if (i > 0) place("code.first", i);
        if (i + 1 < layers) place("code.last", i + 1);
        if (mirror > 0) place("recon.first", mirror);
        if (i > 0) place("recon.last", mirror + 1);
    }
    toml.lines("[[stage]]");
    toml.text("name", "all layers").integer("epochs", c.epochs);
}

}  // namespace

std::string train(const Choices& c) {
    TomlText toml(c.preset.empty() ? "train" : "train: preset " + c.preset);
    toml.run("train", c.seed);
    if (!c.layerwise) toml.integer("epochs", c.epochs);
    if (c.patience > 0) toml.integer("patience", c.patience);
    model_table(toml, c);

    Source source = c.source;
    source.batch = c.batch;
    load_node(toml, "data", source);
    toml.flag("shuffle", true);
    if (c.validation_fraction > 0) toml.real("validation", c.validation_fraction);
    if (!c.validation_data.empty()) toml.text("validation_file", c.validation_data);

    const bool noisy = !c.corruption.kind.empty();
    const std::string input = c.layerwise ? "below.z" : "data.x";
    if (c.layerwise)
        toml.node("below", "encode.below").text("model", c.model_name).text("in.x", "data.x");
    if (noisy) corrupt_node(toml, c, input);
    toml.node("code", "encode").text("model", c.model_name).text("in.x", noisy ? "noisy.x" : input);
    toml.node("recon", "decode").text("model", c.model_name).text("in.z", "code.z");
    toml.node("loss", "loss." + c.loss).text("in.prediction", "recon.x").text("in.target", input);
    const std::string losses = penalties(toml, c);
    toml.node("step", "optimize." + c.optimizer)
        .text("model", c.model_name)
        .raw("in.loss", losses)
        .real("rate", c.rate);
    if (c.schedule != "constant") toml.text("schedule", c.schedule);
    if (c.sparsity == "k")
        toml.node("revive", "optimize.revive").text("model", c.model_name).text("in.z", "code.z");
    toml.node("keep", "store.checkpoint").text("in.after", "step.done").text("file", c.output);
    if (c.keep_checkpoints) toml.flag("keep_checkpoints", true);
    if (c.layerwise) stages(toml, c);
    return toml.str();
}

}  // namespace narrows::recipes
