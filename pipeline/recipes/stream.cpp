// The verbs that stream: a source, a trained model or none, and something that is stored or summed.
#include <fmt/format.h>

#include "pipeline/recipes/recipes.hpp"
#include "pipeline/recipes/source_text.hpp"

namespace narrows::recipes {
namespace {

constexpr std::int64_t stream_batch = 512;  // packets that keep all threads busy and fit a cache

TomlText begin(std::string_view title, const StreamOptions& o) {
    TomlText toml(title);
    toml.run("stream", o.seed);
    toml.table("model.ae").text("file", o.model);
    Source source = o.source;
    if (source.batch == 0) source.batch = stream_batch;
    load_node(toml, "data", source);
    return toml;
}

void encode_node(TomlText& toml, std::string_view input = "data.x") {
    toml.node("code", "encode").text("model", "ae").text("in.x", input);
}

void decode_node(TomlText& toml, std::string_view codes) {
    toml.node("recon", "decode").text("model", "ae").text("in.z", codes);
}

// `masked`: missing values of the target do not count.
void error_node(TomlText& toml, std::string_view id, std::string_view type, bool masked = false) {
    toml.node(id, type).text("in.prediction", "recon.x").text("in.target", "data.x");
    if (masked) toml.text("in.weight", "data.weight");
}

// Codes come out of encode quantised; this tells which entries they are.
void quantise_node(TomlText& toml) {
    toml.node("entries", "quantise").text("model", "ae").text("in.x", "code.z");
}

void health_node(TomlText& toml, const StreamOptions& o) {
    toml.node("units", "measure.units")
        .text("model", "ae")
        .text("in.z", o.gaussian ? "code.mean" : "code.z");
    if (o.labels) toml.text("in.sse", "error.per_sample").text("in.labels", "data.labels");
    if (o.bce) toml.text("in.output", "recon.x").text("in.target", "data.x");
    if (o.gaussian) toml.flag("active", false).flag("dead", false);
}

// Codes of the samples and of samples moved a little: see penalty.contractive_estimate.
void jacobian_nodes(TomlText& toml, const StreamOptions& o) {
    const std::string_view port = o.gaussian ? "mean" : "z";
    toml.node("moved", "corrupt.gaussian").text("in.x", "data.x").real("sigma", 0.01);
    toml.node("moved_code", "encode").text("model", "ae").text("in.x", "moved.x");
    toml.node("jacobian", "penalty.contractive_estimate")
        .text("in.h", fmt::format("code.{}", port))
        .text("in.moved", fmt::format("moved_code.{}", port))
        .real("sigma", 0.01);
}

// Samples in the units of the training data, with the labels that came in.
void samples_node(TomlText& toml, std::string_view from, std::string_view file, bool labels,
                  int level) {
    toml.node("out", "store.samples").text("in.x", from);
    if (labels) toml.text("in.labels", "data.labels");
    toml.text("file", file);
    if (level >= 0) toml.integer("level", level);
}

void drawing(TomlText& toml, const PictureOptions& o) {
    if (o.count > 0) toml.integer("count", o.count);
    if (o.columns > 0) toml.integer("columns", o.columns);
    if (o.scale > 0) toml.integer("scale", o.scale);
    if (!o.sample_shape.empty()) toml.integers("sample_shape", o.sample_shape);
    if (!o.style.empty()) toml.text("style", o.style);
}

// `below`: reconstructions of `from`, or empty.
void grid_node(TomlText& toml, std::string_view from, std::string_view below,
               const StreamOptions& o) {
    toml.node("out", "view.grid").text("model", "ae").text("in.x", from);
    if (!below.empty()) toml.text("in.below", below);
    toml.text("file", o.output).flag("restore", true);
    drawing(toml, *o.picture);
}

}  // namespace

// Models that say nothing were trained with BCE, or with squared error:
// that of a normal distribution of deviation 1.
std::string likelihood_of(const StreamOptions& o) {
    if (!o.likelihood.empty()) return o.likelihood;
    return o.bce || !o.gaussian ? "bernoulli" : "gaussian";
}

std::string encode(const StreamOptions& o) {
    TomlText toml = begin("encode", o);
    if (o.int8) {
        toml.node("code", "encode.int8").text("model", "ae").text("in.x", "data.x");
        if (o.calibration > 0) toml.integer("calibration", o.calibration);
    } else {
        encode_node(toml);
        if (o.draws > 0) toml.integer("draws", o.draws);
        if (o.layers > 0) toml.integer("last", o.layers);
    }
    if (o.error) {
        decode_node(toml, "code.z");
        error_node(toml, "error", "loss.mse", o.source.masks());
    }
    if (o.quantised) quantise_node(toml);
    toml.node("out", "store.codes").text("model", "ae").text("in.z", "code.z");
    if (o.error) toml.text("in.sse", "error.per_sample");
    if (o.quantised) toml.text("in.indices", "entries.indices");
    if (o.log_variance) toml.text("in.log_variance", "code.log_variance");
    if (o.draws > 0) toml.text("in.draws", "code.draws");
    toml.text("file", o.output);
    if (o.live) toml.flag("live_file", true);
    part_keys(toml, o.source);
    if (o.append) toml.flag("append", true);
    return toml.str();
}

std::string decode(const StreamOptions& o) {
    StreamOptions codes = o;
    codes.source.scale = "none";  // codes are not in the units that the model's scaling is for
    TomlText toml = begin("decode", codes);
    decode_node(toml, "data.x");
    samples_node(toml, "recon.x", o.output, false, o.level);
    toml.text("model", "ae").flag("restore", true);
    return toml.str();
}

std::string reconstruct(const StreamOptions& o) {
    TomlText toml = begin("reconstruct", o);
    encode_node(toml);
    decode_node(toml, "code.z");
    error_node(toml, "error", "loss.mse", o.source.masks());
    if (o.picture) {
        grid_node(toml, "data.x", "recon.x", o);
        return toml.str();
    }
    samples_node(toml, "recon.x", o.output, o.labels, o.level);
    toml.text("model", "ae").flag("restore", true);
    return toml.str();
}

std::string sample(const StreamOptions& o) {
    TomlText toml("sample");
    toml.run("stream", o.seed);
    toml.table("model.ae").text("file", o.model);
    if (o.components > 0)
        toml.node("prior", "sample.mixture")
            .text("model", "ae")
            .text("fit", o.fit)
            .integer("components", o.components)
            .integer("samples", o.samples);
    else
        toml.node("prior", "sample.prior").text("model", "ae").integer("samples", o.samples);
    decode_node(toml, "prior.z");
    if (o.picture) {
        grid_node(toml, "recon.x", {}, o);
        return toml.str();
    }
    samples_node(toml, "recon.x", o.output, false, o.level);
    if (o.components > 0) toml.text("in.labels", "prior.component");
    toml.text("model", "ae").flag("restore", true);
    return toml.str();
}

std::string interpolate(const StreamOptions& o) {
    TomlText toml("interpolate");
    toml.run("stream", o.seed);
    toml.table("model.ae").text("file", o.model);
    toml.node("points", "sample.interpolate")
        .text("model", "ae")
        .text("from", o.from)
        .text("to", o.to)
        .integer("steps", o.steps);
    if (!o.path.empty() && o.path != "linear") toml.text("path", o.path);
    decode_node(toml, "points.z");
    if (o.picture) {
        grid_node(toml, "recon.x", {}, o);
        return toml.str();
    }
    samples_node(toml, "recon.x", o.output, false, o.level);
    toml.text("model", "ae").flag("restore", true);
    return toml.str();
}

std::string units(const UnitsOptions& o) {
    if (!o.source.data.empty()) {
        StreamOptions stream;
        stream.source = o.source;
        stream.model = o.model;
        stream.seed = o.seed;
        TomlText toml = begin("units", stream);
        encode_node(toml);
        if (o.last > 0) toml.integer("last", o.last);
        toml.node("out", "view.preferred")
            .text("model", "ae")
            .text("in.x", "data.x")
            .text("in.z", "code.z")
            .text("file", o.output)
            .flag("restore", true);
        if (o.samples > 0) toml.integer("samples", o.samples);
        drawing(toml, o.picture);
        return toml.str();
    }
    TomlText toml("units");
    toml.run("stream", o.seed);
    toml.table("model.ae").text("file", o.model);
    toml.node("units", "view.units").text("model", "ae");
    if (!o.layer.empty()) toml.text("layer", o.layer);
    if (!o.method.empty()) toml.text("method", o.method);
    if (o.picture.count > 0) toml.integer("count", o.picture.count);
    toml.node("out", "view.grid")
        .text("model", "ae")
        .text("in.x", "units.x")
        .text("file", o.output)
        .text("colours", "diverging")
        .flag("each", true)
        .flag("crop", true);
    drawing(toml, o.picture);
    return toml.str();
}

std::string evaluate(const StreamOptions& o) {
    TomlText toml = begin("evaluate", o);
    const bool noisy = !o.corruption.kind.empty();
    if (noisy) corrupt_node(toml, o.corruption, "data.x", o.low, o.high);
    encode_node(toml, noisy ? "noisy.x" : "data.x");
    if (o.gaussian && !o.mean) toml.text("sample", "always");
    decode_node(toml, "code.z");
    error_node(toml, "error", "loss.mse", o.source.masks());
    const std::string likelihood = likelihood_of(o);
    if (o.bce)
        error_node(toml, likelihood == "bernoulli" ? "nats" : "bce", "loss.bce", o.source.masks());
    if (o.gaussian && likelihood != "bernoulli") {
        error_node(toml, "nats", "loss." + likelihood + "_nll");
        if (o.learned_scale)
            toml.text("in.log_scale", "recon.log_scale");
        else if (o.likelihood_scale != 1)
            toml.real("scale", o.likelihood_scale);
    }
    if (o.gaussian) {
        toml.node("latent", "measure.latent")
            .text("in.mean", "code.mean")
            .text("in.log_variance", "code.log_variance");
        if (o.bce || likelihood != "bernoulli") toml.text("in.nats", "nats.per_sample");
        if (o.importance > 0) importance_node(toml, {o.importance, likelihood, o.likelihood_scale});
    }
    health_node(toml, o);
    if (o.quantised) {
        quantise_node(toml);
        toml.node("codebook", "measure.codebook")
            .text("model", "ae")
            .text("in.indices", "entries.indices");
    }
    if (o.jacobian) jacobian_nodes(toml, o);
    return toml.str();
}

std::string generate(const GenerateOptions& o) {
    TomlText toml("generate " + o.kind);
    toml.run("stream", o.seed);
    toml.node("data", "generate").text("kind", o.kind).integer("samples", o.samples);
    samples_node(toml, "data.x", o.output, true, o.level);
    if (!o.type.empty()) toml.text("sample_type", o.type);
    return toml.str();
}

std::string import_data(const ImportOptions& o) {
    TomlText toml("import");
    toml.run("stream", 1);
    Source source = o.source;
    source.scale = "none";
    if (source.batch == 0) source.batch = stream_batch;
    load_node(toml, "data", source);
    samples_node(toml, "data.x", o.output, o.labels, o.level);
    if (!o.type.empty()) toml.text("sample_type", o.type);
    return toml.str();
}

std::string starter(std::string_view name) {
    TomlText toml(fmt::format("{}: a denoising autoencoder on generated digits", name));
    toml.lines(
        fmt::format("# narrows check {0}.toml\n# narrows graph {0}.toml\n"
                    "# narrows run {0}.toml\n# narrows evaluate DATA -m {0}.h5",
                    name));
    toml.run("train", 1).integer("epochs", 5);
    toml.table("model.ae")
        .raw("encoder", "[{ dense = 128, act = \"relu\" }, { dense = 16 }]")
        .raw("decoder", "[{ dense = 128, act = \"relu\" }, { dense = 784, act = \"sigmoid\" }]");
    toml.node("data", "generate").text("kind", "digits").integer("samples", 5000);
    toml.node("noisy", "corrupt.gaussian").text("in.x", "data.x").real("sigma", 0.3);
    toml.node("code", "encode").text("model", "ae").text("in.x", "noisy.x");
    toml.node("recon", "decode").text("model", "ae").text("in.z", "code.z");
    error_node(toml, "loss", "loss.bce");
    toml.node("step", "optimize.adam").text("model", "ae").text("in.loss", "loss.value");
    toml.node("keep", "store.checkpoint")
        .text("in.after", "step.done")
        .text("file", fmt::format("{}.h5", name));
    return toml.str();
}

}  // namespace narrows::recipes
