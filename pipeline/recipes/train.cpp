#include <algorithm>
#include <functional>
#include <numeric>

#include <fmt/format.h>

#include "pipeline/recipes/recipes.hpp"
#include "pipeline/recipes/source_text.hpp"

namespace narrows::recipes {
namespace {

std::string dense(std::int64_t units, std::string_view act, std::string_view init) {
    std::string text = fmt::format("{{ dense = {}", units);
    if (act != "linear") text += fmt::format(", act = {}", in_quotes(act));
    if (!init.empty()) text += fmt::format(", init = {}", in_quotes(init));
    return text + " }";
}

// The last layer of a quantised encoder.
std::string codebook(const Choices& c) {
    std::string text = fmt::format("{{ vector_quantise = {}", c.codebook);
    if (c.entry_size > 0) text += fmt::format(", size = {}", c.entry_size);
    return text + " }";
}

// A dense layer; batch norm between it and its activation, dropout behind, where they are chosen.
void dense_block(std::vector<std::string>& layers, const Choices& c, std::int64_t units,
                 const std::string& act) {
    layers.push_back(dense(units, c.batch_norm ? "linear" : act, c.init));
    if (c.batch_norm) {
        layers.push_back("{ batch_norm = true }");
        if (act != "linear") layers.push_back(fmt::format("{{ activation = {} }}", in_quotes(act)));
    }
    if (c.dropout > 0) layers.push_back(fmt::format("{{ dropout = {} }}", number(c.dropout)));
}

std::string stack(const std::vector<std::string>& layers) {
    std::string text = "[\n";
    for (const std::string& layer : layers) text += "    " + layer + ",\n";
    return text + "]";
}

std::size_t convolved_axes(const Choices& c) {
    return c.facts.sample.rank() >= 2 ? 2 : 1;
}

// 3 wide in every axis; `cut`: by how many elements each axis gets shorter, 0 to 2.
std::string convolution(const Choices& c, std::int64_t channels, std::string_view act,
                        const std::vector<std::int64_t>& cut = {}, bool squeeze = false) {
    std::string text =
        fmt::format("{{ {} = {}, kernel = 3", convolved_axes(c) == 2 ? "conv" : "conv1d", channels);
    const auto all = [&](std::int64_t value) {
        return std::all_of(cut.begin(), cut.end(), [&](std::int64_t v) { return v == value; });
    };
    if (!all(0)) {
        std::string sides;
        for (const std::int64_t elements : cut)
            sides += fmt::format("{}{}, {}", sides.empty() ? "" : ", ", elements < 2 ? 1 : 0,
                                 elements < 1 ? 1 : 0);
        text += all(2) ? ", padding = 0" : ", padding = [" + sides + "]";
    }
    if (act != "linear") text += fmt::format(", act = {}", in_quotes(act));
    if (!c.init.empty()) text += ", init = " + in_quotes(c.init);
    return text + (squeeze ? ", squeeze = true }" : " }");
}

// Each width halves the picture or signal; the code is what is left of it.
std::string convolutions(const Choices& c) {
    std::vector<std::string> layers;
    for (std::size_t i = 0; i < c.hidden.size(); ++i) {
        const bool last = i + 1 == c.hidden.size() && !c.dense_code;
        layers.push_back(convolution(c, c.hidden[i], last ? c.code_act : c.hidden_act));
        layers.push_back("{ max_pool = 2, ceil = true }");
    }
    if (c.dense_code) {
        layers.push_back("{ flatten = true }");
        layers.push_back(dense(c.latent, c.code_act, c.init));
    }
    if (c.codebook > 0) layers.push_back(codebook(c));
    return stack(layers);
}

// A Gaussian or Laplace likelihood whose scale was not given.
bool learns_scale(const Choices& c) {
    return !c.likelihood.empty() && c.likelihood != "bernoulli" && c.likelihood_scale == 0;
}

// A convolution more than the mirror has: one at the code's size, one behind each doubling. Halves
// were rounded up, so doubling gives up to an element too many an axis. An unpadded window takes
// two off, and doubling doubles what is too many: it is cut off at the last convolution that can,
// which for 28 x 28 is the one at 16 -> 14.
std::string deconvolutions(const Choices& c) {
    const std::size_t axes = convolved_axes(c), levels = c.hidden.size();
    constexpr std::int64_t most_cut = 2;
    std::vector<std::vector<std::int64_t>> extents(1);  // of the encoder, level by level
    for (std::size_t axis = 0; axis < axes; ++axis) extents[0].push_back(c.facts.sample[axis]);
    for (std::size_t level = 0; level < levels; ++level) {
        extents.push_back(extents.back());
        for (std::int64_t& extent : extents.back()) extent = (extent + 1) / 2;
    }
    std::vector<std::int64_t> now = extents[levels];
    std::vector<std::string> layers;
    if (c.dense_code) {
        std::vector<std::int64_t> left = now;
        left.push_back(c.hidden.back());
        const std::int64_t values =
            std::accumulate(left.begin(), left.end(), std::int64_t{1}, std::multiplies<>());
        layers.push_back(dense(values, c.hidden_act, c.init));
        layers.push_back(fmt::format("{{ reshape = [{}] }}", fmt::join(left, ", ")));
    }
    layers.push_back(convolution(c, c.hidden.back(), c.hidden_act));
    for (std::size_t level = levels; level-- > 0;) {
        layers.push_back("{ upsample = 2 }");
        std::vector<std::int64_t> cut(axes, 0);
        for (std::size_t axis = 0; axis < axes; ++axis) {
            now[axis] *= 2;
            const bool later = level > 0 && 2 * now[axis] - extents[level - 1][axis] <= most_cut;
            if (!later) cut[axis] = now[axis] - extents[level][axis];
            now[axis] -= cut[axis];
        }
        if (level > 0) {
            layers.push_back(convolution(c, c.hidden[level - 1], c.hidden_act, cut));
            continue;
        }
        const bool channel_axis = c.facts.sample.rank() > axes;
        layers.push_back(convolution(c, channel_axis ? c.facts.sample[axes] : 1, c.output_act, cut,
                                     !channel_axis));
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
        if (!c.tied) {
            toml.raw("decoder", deconvolutions(c));
            return;
        }
        toml.text("decoder", "mirror");
        if (c.output_act != "linear") toml.text("output", c.output_act);
        toml.flag("tied", true);
        return;
    }
    std::vector<std::string> encoder, decoder;
    if (c.normalise) encoder.push_back("{ normalise = true }");
    if (c.centred) {
        centred_layers(toml, c);
        return;
    }
    for (const std::int64_t width : c.hidden) dense_block(encoder, c, width, c.hidden_act);
    dense_block(encoder, c, c.variational ? 2 * c.latent : c.latent, c.code_act);
    if (c.sparsity == "k") encoder.push_back(top_k(c));
    if (c.codebook > 0) encoder.push_back(codebook(c));
    for (auto width = c.hidden.rbegin(); width != c.hidden.rend(); ++width)
        dense_block(decoder, c, *width, c.hidden_act);
    decoder.push_back(dense(c.facts.features(), c.output_act, c.init));
    if (c.normalise) decoder.push_back("{ normalise = true, inverse = true }");
    if (learns_scale(c)) decoder.push_back("{ log_scale = \"shared\" }");
    toml.table("model." + c.model_name)
        .integers("input", input)
        .raw("encoder", stack(encoder))
        .raw("decoder", stack(decoder));
    if (c.tied) toml.flag("tied", true);
    if (c.variational) toml.text("latent", "gaussian");
    if (!c.likelihood.empty()) toml.text("likelihood", c.likelihood);
    if (c.likelihood_scale > 0) toml.real("scale", c.likelihood_scale);
}

// Layers of the encoder before its codebook.
std::int64_t layers_before_codebook(const Choices& c) {
    const auto hidden = static_cast<std::int64_t>(c.hidden.size());
    return c.convolutional ? 2 * hidden
                           : hidden + 1 + (c.normalise ? 1 : 0) + (c.sparsity == "k" ? 1 : 0);
}

// The samples a second time, moved a little, for codes to be compared: see contractive.hpp.
constexpr double moved_by = 0.01;
void moved_nodes(TomlText& toml, const Choices& c, std::string_view input) {
    toml.node("moved", "corrupt.gaussian").text("in.x", input).real("sigma", moved_by);
    toml.node("moved_code", "encode").text("model", c.model_name).text("in.x", "moved.x");
}

void contraction_node(TomlText& toml, const Choices& c, double weight) {
    if (exact_contraction(c)) {
        toml.node("contraction", "penalty.contractive")
            .text("model", c.model_name)
            .text("in.h", "code.z")
            .real("weight", weight);
        return;
    }
    toml.node("contraction", "penalty.contractive_estimate")
        .text("in.h", "code.z")
        .text("in.moved", "moved_code.z")
        .real("sigma", moved_by)
        .real("weight", weight);
}

// A weight of nats in the loss's units: a mean over features is 2 / features of the Gaussian's
// nats, so what is weighed against nats shrinks alike.
double in_nats(const Choices& c, double weight) {
    const bool nats = c.loss == "bce" || !c.likelihood.empty();
    return nats ? weight : 2 * weight / static_cast<double>(c.facts.features());
}

// Counts that another node of the run makes are left to it.
void health_node(TomlText& toml, const Choices& c) {
    toml.node("units", "measure.units")
        .text("model", c.model_name)
        .text("in.z", c.variational ? "code.mean" : "code.z");
    if (c.facts.classes && c.validation_data.empty())  // a validation file may have no labels
        toml.text("in.sse", "loss.per_sample").text("in.labels", "data.labels");
    if (c.variational) toml.flag("active", false);
    if (c.variational || c.sparsity == "k") toml.flag("dead", false);
}

// What the code pays beside the reconstruction; gives the optimiser's list of losses.
std::string penalties(TomlText& toml, const Choices& c) {
    std::string losses = in_quotes("loss.value");
    if (c.variational) {
        toml.node("kl", "penalty.kl")
            .text("in.mean", "code.mean")
            .text("in.log_variance", "code.log_variance");
        const double beta = in_nats(c, c.beta);
        if (beta != 1) toml.real("beta", beta);
        losses += ", " + in_quotes("kl.value");
    }
    if (c.contraction > 0) {
        contraction_node(toml, c, in_nats(c, c.contraction));
        losses += ", " + in_quotes("contraction.value");
    }
    if (c.codebook > 0) losses += ", " + in_quotes("quantised.value");
    if (c.sparsity == "l1") {
        toml.node("sparse", "penalty.l1").text("in.h", "code.z").real("weight", c.sparsity_amount);
        losses += ", " + in_quotes("sparse.value");
    }
    if (c.sparsity == "kl") {
        toml.node("sparse", "penalty.activity")
            .text("in.h", "code.z")
            .real("target", c.sparsity_amount);
        losses += ", " + in_quotes("sparse.value");
    }
    return "[" + losses + "]";
}

// The corrupted input, and which output says how much each value of the target counts; "": none.
std::string corrupted(TomlText& toml, const Choices& c, std::string_view input) {
    const std::string observed = c.source.masks() ? "data.weight" : "";
    if (c.corruption.kind.empty()) return observed;
    // Salt and pepper stand at the ends of the data's range.
    const bool unit = c.facts.unit_range();
    corrupt_node(toml, c.corruption, input, unit ? 0 : c.facts.low, unit ? 1 : c.facts.high);
    if (!c.emphasis) return observed;
    toml.real("alpha", c.emphasis->alpha).real("beta", c.emphasis->beta);
    if (!observed.empty()) toml.text("in.weight", observed);
    return "noisy.weight";
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
    const std::string weight = corrupted(toml, c, input);
    toml.node("code", "encode").text("model", c.model_name).text("in.x", noisy ? "noisy.x" : input);
    if (c.codebook > 0) {
        toml.integer("last", layers_before_codebook(c));
        toml.node("quantised", "quantise")
            .text("model", c.model_name)
            .text("in.x", "code.z")
            .real("beta", in_nats(c, c.beta));
    }
    if (c.contraction > 0 && !exact_contraction(c)) moved_nodes(toml, c, noisy ? "noisy.x" : input);
    toml.node("recon", "decode")
        .text("model", c.model_name)
        .text("in.z", c.codebook > 0 ? "quantised.z" : "code.z");
    toml.node("loss", "loss." + c.loss).text("in.prediction", "recon.x").text("in.target", input);
    if (!weight.empty()) toml.text("in.weight", weight);
    if (learns_scale(c)) toml.text("in.log_scale", "recon.log_scale");
    if (c.likelihood_scale > 0) toml.real("scale", c.likelihood_scale);
    if (c.variational)
        toml.node("latent", "measure.latent")
            .text("in.mean", "code.mean")
            .text("in.log_variance", "code.log_variance");
    health_node(toml, c);
    const std::string losses = penalties(toml, c);
    toml.node("step", "optimize." + c.optimizer)
        .text("model", c.model_name)
        .raw("in.loss", losses)
        .real("rate", c.rate);
    if (c.schedule != "constant") toml.text("schedule", c.schedule);
    if (c.precision != "fp32") toml.text("precision", c.precision);
    if (c.sparsity == "k")
        toml.node("revive", "optimize.revive").text("model", c.model_name).text("in.z", "code.z");
    toml.node("keep", "store.checkpoint").text("in.after", "step.done").text("file", c.output);
    checkpoint_every(toml, c.facts.rows, c.batch);
    if (c.keep_checkpoints) toml.flag("keep_checkpoints", true);
    if (c.layerwise) stages(toml, c);
    return toml.str();
}

}  // namespace narrows::recipes
