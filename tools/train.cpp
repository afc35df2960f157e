#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "pipeline/language/language.hpp"
#include "tools/console.hpp"
#include "tools/data_facts.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/text_file.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

const std::vector<std::string> result_keys{"epochs",          "steps",      "loss",
                                           "validation_loss", "parameters", "model_sha256"};

bool names_a_file(const std::string& model) {
    return model.ends_with(".toml") || model.find('/') != std::string::npos;
}

// A file with nodes is a whole pipeline; one with only a [model.NAME] table is a model.
bool has_nodes(const std::string& text) {
    return text.starts_with("[node.") || text.find("\n[node.") != std::string::npos;
}

// The text without its `schema` line, and the name in "[model.NAME]".
void take_model(const std::string& file, recipes::TrainOptions& options) {
    std::istringstream lines(read_text(file));
    std::string line;
    while (std::getline(lines, line)) {
        if (line.starts_with("schema")) continue;
        if (options.model_name.empty() && line.starts_with("[model.")) {
            const std::size_t end = line.find_first_of("].", 7);
            options.model_name = line.substr(7, end == std::string::npos ? end : end - 7);
        }
        options.model_text += line + "\n";
    }
    if (options.model_name.empty())
        throw Error(Fault::usage, fmt::format("\"{}\" has no [model.NAME] table", file),
                    "a model file has one [model.NAME], a pipeline file has nodes too");
}

// Sources read DATA and the one checkpoint is written to -o: what stays of the file is the rest.
void point_at(const language::Pipeline& pipeline, const registry::Registry& registry,
              const recipes::TrainOptions& options, std::vector<std::string>& overrides) {
    std::size_t sources = 0, outputs = 0;
    for (const language::NodeSpec& node : pipeline.nodes) {
        const registry::TypeInfo* type = registry.find(Kind::node, node.type);
        if (type == nullptr || type->parameter("file") == nullptr) continue;
        if (type->source) {
            std::string list;
            for (const std::string& data : options.source.data)
                list += (list.empty() ? "" : ", ") + recipes::in_quotes(data);
            overrides.push_back(fmt::format("node.{}.file=[{}]", node.id, list));
            ++sources;
        } else if (type->input("after") != nullptr) {
            overrides.push_back(
                fmt::format("node.{}.file={}", node.id, recipes::in_quotes(options.output)));
            ++outputs;
        }
    }
    if (sources != 1 || outputs != 1)
        throw Error(
            Fault::usage,
            fmt::format("the pipeline has {} nodes that read files and {} that store a model; "
                        "train --model needs one of each",
                        sources, outputs),
            "use narrows run");
}

// Every optimiser that stores moments.
void set_precision(const language::Pipeline& pipeline, const registry::Registry& registry,
                   const std::string& precision, std::vector<std::string>& overrides) {
    const std::size_t before = overrides.size();
    for (const language::NodeSpec& node : pipeline.nodes) {
        const registry::TypeInfo* type = registry.find(Kind::node, node.type);
        if (type != nullptr && type->updates_model && type->parameter("precision") != nullptr)
            overrides.push_back(
                fmt::format("node.{}.precision={}", node.id, recipes::in_quotes(precision)));
    }
    if (overrides.size() == before)
        throw Error(
            Fault::usage,
            fmt::format("--precision {}: no optimiser of the pipeline stores moments", precision),
            "optimize.adam and optimize.adamw do; or leave it out");
}

// What the model's last layer can give decides the loss, not the data alone.
bool ends_in_sigmoid(const language::Pipeline& pipeline) {
    if (pipeline.models.empty() || pipeline.models.front().decoder.empty()) return false;
    const LayerSpec& last = pipeline.models.front().decoder.back();
    return last.type == "sigmoid" ||
           std::any_of(last.settings.begin(), last.settings.end(),
                       [](const Setting& setting) { return setting.value.text == "sigmoid"; });
}

void show(const Common& common, const recipes::Choices& c) {
    if (common.quiet) return;
    const auto line = [&](std::string_view name, const std::string& text) {
        say(common, fmt::format("{:<12}  {}", name, text));
    };
    line("data", fmt::format("{} samples of {}", c.facts.rows, to_string(c.facts.sample)));
    if (!c.preset.empty()) line("preset", fmt::format("{}, {}", c.preset, recipes::sizes(c)));
    line("loss", c.loss + (c.facts.unit_range()
                               ? ", data in [0, 1]"
                               : fmt::format(", data in [{:g}, {:g}]", c.facts.low, c.facts.high)));
    if (!c.corruption.kind.empty())
        line("corruption",
             fmt::format("{} {:g}{}{}", c.corruption.kind, c.corruption.amount,
                         c.corruption.last ? fmt::format(" to {:g}", *c.corruption.last) : "",
                         c.emphasis ? fmt::format(", counts {:g}, other values {:g}",
                                                  c.emphasis->alpha, c.emphasis->beta)
                                    : ""));
    if (!c.sparsity.empty())
        line("sparsity", fmt::format("{} {:g}", c.sparsity, c.sparsity_amount));
    if (c.variational)
        line("latent", fmt::format("gaussian, {} units, beta {:g}", c.latent, c.beta));
    if (c.codebook > 0)
        line("latent",
             fmt::format("a codebook of {} entries, commitment {:g}", c.codebook, c.beta) +
                 (c.entry_size > 0
                      ? fmt::format(", {} vectors of {}", c.latent / c.entry_size, c.entry_size)
                      : ""));
    if (c.contraction > 0)
        line("contraction", fmt::format("{:g}, the Jacobian is {}", c.contraction,
                                        recipes::exact_contraction(c) ? "exact" : "estimated"));
    if (!c.likelihood.empty())
        line("likelihood", c.likelihood + (c.likelihood == "bernoulli" ? std::string()
                                           : c.likelihood_scale > 0
                                               ? fmt::format(", scale {:g}", c.likelihood_scale)
                                               : ", scale learned"));
    if (c.tied) line("weights", "tied");
    line("optimizer", fmt::format("{}, rate {:g}, {} schedule{}", c.optimizer, c.rate, c.schedule,
                                  c.precision == "fp32" ? "" : ", moments in " + c.precision));
    if (c.layerwise)
        line("stages", fmt::format("{} of one layer, {} epochs each, then all", c.hidden.size() + 1,
                                   c.pretrain_epochs));
    line("run", fmt::format("{} epochs, batch {}, seed {}", c.epochs, c.batch, c.seed));
    if (c.validation_fraction > 0)
        line("validation", fmt::format("{:g} of the rows held out", c.validation_fraction));
    else if (!c.validation_data.empty())
        line("validation", c.validation_data);
}

struct TrainLine {
    recipes::TrainOptions options;
    std::string hidden, corruption, emphasis;
};

void describe(CommandLine& line, TrainLine& in) {
    recipes::TrainOptions& o = in.options;
    line.data(o.source);
    std::string names;
    std::vector<std::string> known;
    for (const recipes::PresetInfo& preset : recipes::presets()) {
        names += (names.empty() ? "" : ", ") + std::string(preset.name);
        known.emplace_back(preset.name);
    }
    line.option("-m,--model", o.preset, names + ", or a FILE.toml");
    line.require("--model");
    line.offer("--model", std::move(known));
    line.option("-o,--output", o.output, "file of the finished model");
    line.require("--output");
    line.option("--epochs", o.epochs, "passes over the data");
    line.option("--batch", o.batch, "samples a step (128)");
    line.option("--pretrain-epochs", o.pretrain_epochs,
                "layerwise: epochs of each layer (half of --epochs)");
    line.option("--rate", o.rate, "learning rate (1e-3)");
    line.option("--latent", o.latent, "size of the code (min(32, features / 4))");
    line.option("--hidden", in.hidden, "hidden layers: 512,256 or none");
    line.option("--corruption", in.corruption,
                "gaussian:S, masking:R, salt-and-pepper:R or none; S:T changes to T over the run");
    line.option("--emphasis", in.emphasis,
                "weight of corrupted values in the loss, and of others: A,B");
    line.option("--sparsity", o.sparsity, "of the code: l1:WEIGHT, kl:ACTIVITY or k:UNITS");
    line.option("--codebook", o.codebook,
                "quantise codes: ENTRIES or ENTRIES:VALUES of each (512:4)");
    line.option("--contraction", o.contraction,
                "weight of the contractive penalty (contractive: 0.1)");
    line.flag("--tied", o.tied, "the decoder uses the encoder's weights, transposed");
    line.option("--beta", o.beta,
                "weight of the divergence (1) or of the commitment to a codebook (0.25)");
    line.option("--likelihood", o.likelihood,
                "variational: bernoulli, gaussian or laplace, :SCALE fixes the scale");
    line.option("--validate", o.validate, "a fraction to hold out, or DATA");
    line.option("--patience", o.patience, "stop after N epochs without a better loss");
    line.choice("--loss", o.loss, {"mse", "bce", "huber"}, "mse, bce or huber");
    line.choice("--optimizer", o.optimizer, {"adam", "adamw", "sgd"}, "adam, adamw or sgd");
    line.choice("--schedule", o.schedule, {"constant", "step", "cosine", "plateau"},
                "constant, step, cosine or plateau");
    line.choice("--precision", o.precision, {"fp32", "bf16"},
                "of Adam's moments: fp32, or bf16 in half the memory");
    line.option("--activation", o.activation, "of hidden layers (relu)");
    line.choice("--output-activation", o.output_activation, {"linear", "sigmoid"},
                "of the last layer (sigmoid with bce, else linear)");
    line.option("--init", o.init, "weights at the start: glorot_uniform, he_normal, ...");
    line.choice("--scale", o.source.scale, {"auto", "none", "unit", "minmax", "standard"},
                "auto, none, unit, minmax or standard");
    line.flag("--keep-checkpoints", o.keep_checkpoints, "leave M.ckpt/ when done");
    line.flag("--allow-identity", o.allow_identity, "a code as wide as the sample, or wider");
}

void check_numbers(const recipes::TrainOptions& o) {
    const auto at_least_one = [](std::string_view name, const std::optional<std::int64_t>& value) {
        if (value && *value < 1)
            throw Error(Fault::usage, fmt::format("{} {}: must be at least 1", name, *value));
    };
    at_least_one("--epochs", o.epochs);
    at_least_one("--batch", o.batch);
    at_least_one("--pretrain-epochs", o.pretrain_epochs);
    at_least_one("--latent", o.latent);
    at_least_one("--patience", o.patience);
    if (o.contraction && !(*o.contraction >= 0))
        throw Error(Fault::usage,
                    fmt::format("--contraction {}: must be at least 0", *o.contraction));
    if (o.rate && !(*o.rate > 0))
        throw Error(Fault::usage, fmt::format("--rate {}: must be above 0", *o.rate));
}

}  // namespace

int train(CommandLine& line) {
    TrainLine in;
    describe(line, in);
    line.parse();
    Common common = line.common();
    recipes::TrainOptions& options = in.options;
    check_numbers(options);
    options.seed = common.seed.value_or(1);
    if (!in.hidden.empty()) options.hidden = parse_widths("--hidden", in.hidden);
    if (!in.corruption.empty()) options.corruption = recipes::parse_corruption(in.corruption);
    if (!in.emphasis.empty()) options.emphasis = recipes::parse_emphasis(in.emphasis);
    select_kernel(common);
    const recipes::Session session = make_session(common);

    if (names_a_file(options.preset)) {
        const std::string file = options.preset;
        const std::string text = read_text(file);
        if (has_nodes(text)) {
            point_at(session.parse(text, file), session.registry(), options, common.sets);
            if (!options.precision.empty())
                set_precision(session.parse(text, file), session.registry(), options.precision,
                              common.sets);
            if (common.seed) common.sets.push_back(fmt::format("run.seed={}", *common.seed));
            if (options.epochs)
                common.sets.push_back(fmt::format("run.epochs={}", *options.epochs));
            return run_pipeline(common, {"train", text, file, result_keys, ResultsAre::talk, true},
                                session);
        }
        take_model(file, options);
    } else {
        recipes::require_preset(options.preset);
    }

    PipelineFiles files{{}, {options.output}};
    for (const std::string& text : options.source.data)
        files.inputs.push_back(datasets::parse_data(text).file);
    if (names_a_file(options.preset)) files.inputs.push_back(options.preset);
    refuse_outputs(common, files);
    auto data = open_data(options.source);
    const recipes::DataFacts facts = training_facts(*data, options.source, common);
    data.reset();  // the pipeline opens its own
    if (!options.model_text.empty() && options.loss.empty()) {
        recipes::TrainOptions probe = options;
        probe.loss = "mse";
        const std::string text = recipes::train(recipes::resolve(probe, facts));
        options.loss = ends_in_sigmoid(session.parse(text, options.preset)) ? "bce" : "mse";
    }
    const recipes::Choices choices = recipes::resolve(options, facts);
    if (!common.print_pipeline) show(common, choices);
    return run_pipeline(common, {"train", recipes::train(choices), "train", result_keys}, session);
}

}  // namespace narrows::tools
