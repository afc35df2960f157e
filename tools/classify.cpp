// classify train, classify predict: a supervised head on the encoder of a trained model.
#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "pipeline/model/architecture.hpp"
#include "pipeline/model/model_file.hpp"
#include "pipeline/storage/bundle.hpp"
#include "tools/console.hpp"
#include "tools/data_facts.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

model::Architecture architecture_of(const std::string& file) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored))
        throw Error(Fault::input, fmt::format("model \"{}\": no such file", file),
                    "train one with narrows train");
    return model::read_architecture(
        model::stored_architecture(storage::read_bundle(file, "narrows-model")));
}

datasets::Labels labels_of(const recipes::ClassifyOptions& options, const datasets::Dataset& data) {
    if (options.labels.empty()) return {data.labels(), data.label_names(), {}};
    datasets::DataSpec spec = datasets::parse_data(options.labels);
    spec.label_column = options.source.label_column;
    return datasets::open_labels(spec);
}

// Which classes there are, how many rows each has, and their names where the data gives any.
void take_classes(recipes::ClassifyOptions& options, const datasets::Labels& labels) {
    std::vector<std::int64_t> values = labels.values;
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    constexpr std::size_t most = 10'000;
    if (values.size() > most)
        throw Error(Fault::input, fmt::format("the labels have {} different values", values.size()),
                    "classes are at most 10000; are these targets of a regression?");
    options.classes = values;
    for (const std::int64_t value : values)
        if (value >= 0 && static_cast<std::size_t>(value) < labels.names.size())
            options.class_names.push_back(labels.names[static_cast<std::size_t>(value)]);
    if (options.class_names.size() != options.classes.size()) options.class_names.clear();
}

std::string balance(const recipes::ClassifyOptions& options, const datasets::Labels& labels) {
    std::int64_t least = static_cast<std::int64_t>(labels.values.size()), most = 0;
    for (const std::int64_t value : options.classes) {
        const auto count = std::count(labels.values.begin(), labels.values.end(), value);
        least = std::min<std::int64_t>(least, count);
        most = std::max<std::int64_t>(most, count);
    }
    return fmt::format("{}, {} to {} rows each", options.classes.size(), least, most);
}

// "encoder", "0,1" or "encoder.0".
std::vector<std::string> parse_freeze(const std::string& text, std::int64_t layers) {
    std::vector<std::string> parts;
    for (std::size_t first = 0; first <= text.size() && !text.empty();) {
        const std::size_t comma = std::min(text.find(',', first), text.size());
        std::string part = text.substr(first, comma - first);
        if (part.starts_with("encoder.")) part = part.substr(8);
        const bool number = !part.empty() && part.size() < 6 &&
                            part.find_first_not_of("0123456789") == std::string::npos;
        if (part != "encoder" && (!number || std::stoll(part) >= layers))
            throw Error(Fault::usage,
                        fmt::format("--freeze {}: \"{}\" is no layer of the encoder", text, part),
                        fmt::format("write encoder, or layers 0 to {}", layers - 1));
        parts.push_back(std::move(part));
        first = comma + 1;
    }
    return parts;
}

void check_numbers(const recipes::ClassifyOptions& o) {
    const auto at_least_one = [](std::string_view name, const std::optional<std::int64_t>& value) {
        if (value && *value < 1)
            throw Error(Fault::usage, fmt::format("{} {}: must be at least 1", name, *value));
    };
    at_least_one("--epochs", o.epochs);
    at_least_one("--head-epochs", o.head_epochs);
    at_least_one("--batch", o.batch);
    if (o.labels_per_class < 0)
        throw Error(Fault::usage,
                    fmt::format("--labels-per-class {}: must be at least 1", o.labels_per_class));
    if (o.dropout && (*o.dropout < 0 || *o.dropout >= 1))
        throw Error(Fault::usage, fmt::format("--dropout {}: must be in [0, 1)", *o.dropout));
}

}  // namespace

int classify_train(CommandLine& line) {
    recipes::ClassifyOptions o;
    std::string freeze, corruption, hidden;
    line.data(o.source);
    line.option("-m,--model", o.model, "trained autoencoder");
    line.require("--model");
    line.option("-o,--output", o.output, "file of the finished classifier");
    line.require("--output");
    line.option("--labels", o.labels, "DATA with one label a row (those beside the samples)");
    line.option("--labels-per-class", o.labels_per_class,
                "train on N labelled rows of each class, drawn by the seed");
    line.option("--freeze", freeze, "encoder, or layers of it: 0,1");
    line.option("--layers", o.layers, "use the encoder's first N layers (all)");
    line.option("--hidden", hidden, "hidden layers of the head: 256 or none (none)");
    line.option("--epochs", o.epochs, "passes over the labelled rows, all layers");
    line.option("--head-epochs", o.head_epochs, "passes before that, the head alone");
    line.option("--batch", o.batch, "samples a step (128)");
    line.option("--rate", o.rate, "learning rate of all layers (1e-4)");
    line.option("--head-rate", o.head_rate, "learning rate of the head alone (1e-3)");
    line.option("--dropout", o.dropout, "of the head's input (0.2; 0.5 with few labels)");
    line.option("--decay", o.decay, "decoupled weight decay (0.01)");
    line.option("--corruption", corruption, "of the input while all layers train, as in train");
    line.option("--validate", o.validate, "a fraction to hold out, or DATA");
    line.option("--validate-labels", o.validate_labels, "labels of --validate DATA");
    line.option("--patience", o.patience, "stop after N epochs without a better loss");
    line.flag("--from-scratch", o.fresh, "new weights instead of the model's: the comparison");
    line.flag("--keep-checkpoints", o.keep_checkpoints, "leave C.ckpt/ when done");
    line.parse();
    const Common& common = line.common();
    o.seed = common.seed.value_or(1);
    check_numbers(o);
    const model::Architecture architecture = architecture_of(o.model);
    const auto layers = static_cast<std::int64_t>(architecture.encoder.size());
    if (o.layers < 0 || o.layers > layers)
        throw Error(Fault::usage, fmt::format("--layers {}: the encoder has {}", o.layers, layers));
    o.encoder_layers = o.layers > 0 ? o.layers : layers;
    o.freeze = parse_freeze(freeze, o.encoder_layers);
    if (o.fresh && std::find(o.freeze.begin(), o.freeze.end(), "encoder") != o.freeze.end())
        throw Error(Fault::usage, "--from-scratch leaves nothing worth freezing",
                    "leave out --freeze");
    if (!hidden.empty()) o.hidden = parse_widths("--hidden", hidden);
    if (!corruption.empty()) o.corruption = recipes::parse_corruption(corruption);
    if (o.corruption && std::find(o.freeze.begin(), o.freeze.end(), "encoder") != o.freeze.end())
        throw Error(
            Fault::usage,
            "--corruption changes the input of layers that learn; with --freeze encoder none does",
            "leave one of them out");
    select_kernel(common);
    const auto data = open_data(o.source);
    const datasets::Labels labels = labels_of(o, *data);
    if (labels.values.empty())
        throw Error(Fault::input, fmt::format("{} has no labels", data->name()),
                    "give them with --labels DATA");
    take_classes(o, labels);
    o.rows = o.labels_per_class > 0
                 ? o.labels_per_class * static_cast<std::int64_t>(o.classes.size())
                 : data->rows();
    if (!common.print_pipeline) {
        say(common, fmt::format("classes       {}", balance(o, labels)));
        say(common, fmt::format("labelled      {} rows", o.rows));
        say(common,
            fmt::format("encoder       {}", o.fresh            ? "new weights"
                                            : o.freeze.empty() ? "the head first, then all layers"
                                                               : "frozen: " + freeze));
    }
    return run_pipeline(common, {"classify train",
                                 recipes::classify_train(o),
                                 "classify train",
                                 {"epochs", "steps", "loss", "validation_loss", "accuracy",
                                  "parameters", "model_sha256"}});
}

int classify_predict(CommandLine& line) {
    recipes::ClassifyOptions o;
    line.data(o.source);
    line.option("-m,--model", o.model, "classifier, from classify train");
    line.require("--model");
    line.option("-o,--output", o.output, "label and confidence of each row: FILE.csv or FILE.h5");
    line.option("--labels", o.labels, "DATA with one true label a row (those beside the samples)");
    line.parse();
    const Common& common = line.common();
    o.seed = common.seed.value_or(1);
    const model::Architecture architecture = architecture_of(o.model);
    if (architecture.classes.empty())
        throw Error(Fault::input, fmt::format("\"{}\" is no classifier", o.model),
                    "narrows classify train makes one from an autoencoder");
    select_kernel(common);
    const auto data = open_data(o.source);
    const datasets::Labels labels = labels_of(o, *data);
    o.labelled = !labels.values.empty();
    if (!o.labelled && o.output.empty())
        throw Error(Fault::usage, "there are no labels to compare with and no file to write",
                    "give --labels DATA, or -o FILE.csv");
    return run_pipeline(common, {"classify predict",
                                 recipes::classify_predict(o),
                                 "classify predict",
                                 {"accuracy", "cross_entropy"},
                                 ResultsAre::data});
}

}  // namespace narrows::tools
