// classify: a head on a trained encoder. First the head learns what the frozen encoder gives, then,
// unless the encoder stays frozen, all learn together at a lower rate (Erhan et al. 2010).
#include <algorithm>

#include <fmt/format.h>

#include "pipeline/recipes/recipes.hpp"
#include "pipeline/recipes/source_text.hpp"

namespace narrows::recipes {
namespace {

constexpr std::int64_t head_steps = 1000, all_steps = 3000;  // updates, where labels are few
constexpr std::int64_t head_epochs = 5, all_epochs = 20;     // and epochs, where there are many
constexpr std::int64_t most_classifier_epochs = 2000;
constexpr double head_rate = 1e-3, all_rate = 1e-4;

std::int64_t epochs_for(std::int64_t steps, std::int64_t least, std::int64_t rows,
                        std::int64_t batch) {
    const std::int64_t an_epoch = std::max<std::int64_t>(1, (rows + batch - 1) / batch);
    return std::clamp((steps + an_epoch - 1) / an_epoch, least, most_classifier_epochs);
}

// Codes have any scale: batch normalisation makes the head's rate fit all of them.
std::string head(const ClassifyOptions& o, double dropout) {
    std::string text = "[\n    { flatten = true },\n    { batch_norm = 0.1 },\n";
    const auto dropped = [&] {
        return dropout > 0 ? fmt::format("    {{ dropout = {} }},\n", number(dropout))
                           : std::string();
    };
    text += dropped();
    for (const std::int64_t width : o.hidden)
        text += fmt::format("    {{ dense = {}, act = \"relu\" }},\n", width) + dropped();
    return text + fmt::format("    {{ dense = {}, init = \"zeros\" }},\n]", o.classes.size());
}

bool all_frozen(const ClassifyOptions& o) {
    return std::find(o.freeze.begin(), o.freeze.end(), "encoder") != o.freeze.end();
}

void head_nodes(TomlText& toml, bool below, const ClassifyOptions& o,
                const Corruption& corruption) {
    std::string input = "data.x";
    if (below) {
        toml.node("below", "encode.below").text("model", "classifier").text("in.x", input);
        toml.integer("layers", o.encoder_layers);
        input = "below.z";
    }
    if (!corruption.kind.empty()) {
        corrupt_node(toml, corruption, input, 0, 1);
        input = "noisy.x";
    }
    toml.node("code", "encode")
        .text("model", "classifier")
        .text("in.x", input)
        .text("sample", "never");
    if (below) toml.integer("first", o.encoder_layers);
    toml.node("logits", "decode").text("model", "classifier").text("in.z", "code.z");
}

}  // namespace

std::string classify_train(const ClassifyOptions& o) {
    if (o.classes.size() < 2)
        throw Error(Fault::usage,
                    fmt::format("a classifier needs two classes or more, the labels have {}",
                                o.classes.size()),
                    "give labels with --labels DATA");
    const bool frozen = all_frozen(o);
    const std::int64_t batch = std::max<std::int64_t>(1, std::min(o.batch.value_or(128), o.rows));
    const double dropout = o.dropout.value_or(o.labels_per_class > 0 ? 0.5 : 0.2);
    TomlText toml(frozen ? "classify: a head on a frozen encoder"
                         : "classify: a head, then all of the network");
    toml.run("train", o.seed);
    if (o.patience > 0) toml.integer("patience", o.patience);
    std::vector<std::int64_t> classes = o.classes;
    toml.table("model.classifier").text("file", o.model).raw("decoder", head(o, dropout));
    toml.integers("classes", classes);
    if (!o.class_names.empty()) toml.texts("class_names", o.class_names);
    if (o.layers > 0) toml.integer("layers", o.layers);
    if (o.fresh) toml.flag("fresh", true);

    Source source = o.source;
    source.batch = batch;
    load_node(toml, "data", source);
    toml.flag("shuffle", true);
    if (!o.labels.empty()) toml.text("labels_file", o.labels);
    if (o.labels_per_class > 0) toml.integer("labels_per_class", o.labels_per_class);
    if (!o.validate.empty()) {
        const bool fraction = o.validate.find_first_not_of("0123456789.") == std::string::npos;
        fraction ? toml.raw("validation", o.validate) : toml.text("validation_file", o.validate);
        if (!o.validate_labels.empty()) toml.text("validation_labels_file", o.validate_labels);
    }
    // A corruption would be of the codes where those are all that is computed: only behind x.
    const Corruption corruption = frozen ? Corruption{} : o.corruption.value_or(Corruption{});
    head_nodes(toml, frozen, o, corruption);
    toml.node("loss", "loss.cross_entropy")
        .text("model", "classifier")
        .text("in.prediction", "logits.x")
        .text("in.labels", "data.labels");
    const double all = o.rate.value_or(all_rate), first = o.head_rate.value_or(head_rate);
    toml.node("step", "optimize.adamw").text("model", "classifier").text("in.loss", "loss.value");
    toml.real("rate", frozen ? first : all)
        .text("schedule", "cosine")
        .real("decay", o.decay.value_or(0.01));
    toml.node("keep", "store.checkpoint")
        .text("in.after", "step.done")
        .text("model", "classifier")
        .text("file", o.output);
    checkpoint_every(toml, o.rows, batch);
    if (o.keep_checkpoints) toml.flag("keep_checkpoints", true);

    const std::int64_t head_of =
        o.head_epochs.value_or(epochs_for(head_steps, head_epochs, o.rows, batch));
    const std::int64_t all_of = o.epochs.value_or(epochs_for(all_steps, all_epochs, o.rows, batch));
    const std::string encoder[] = {std::string("classifier.encoder")};
    if (frozen || !o.fresh) {
        toml.lines("[[stage]]");
        toml.text("name", "head")
            .integer("epochs",
                     frozen ? o.epochs.value_or(epochs_for(all_steps, all_epochs, o.rows, batch))
                            : head_of);
        toml.raw("freeze", "[\"classifier.encoder\"]");
        if (!frozen) toml.real("node.step.rate", first);
        if (!frozen && corruption.kind == "masking") toml.real("node.noisy.rate", 0);
    }
    if (!frozen) {
        toml.lines("[[stage]]");
        toml.text("name", "all layers").integer("epochs", all_of);
        std::string list;
        for (const std::string& layer : o.freeze)
            list += fmt::format("{}\"classifier.encoder.{}\"", list.empty() ? "" : ", ", layer);
        if (!list.empty()) toml.raw("freeze", "[" + list + "]");
    }
    return toml.str();
}

std::string classify_predict(const ClassifyOptions& o) {
    TomlText toml("classify");
    toml.run("stream", o.seed);
    toml.table("model.classifier").text("file", o.model);
    Source source = o.source;
    if (source.batch == 0) source.batch = 512;
    load_node(toml, "data", source);
    if (!o.labels.empty()) toml.text("labels_file", o.labels);
    head_nodes(toml, false, o, {});
    toml.node("classes", "measure.classes")
        .text("model", "classifier")
        .text("in.logits", "logits.x");
    if (o.labelled) toml.text("in.labels", "data.labels");
    if (!o.output.empty()) {
        const std::string columns[] = {"label", "confidence"};
        toml.node("out", "store.table").text("model", "classifier").text("in.row", "classes.label");
        toml.text("in.second", "classes.confidence")
            .text("file", o.output)
            .texts("columns", columns);
    }
    return toml.str();
}

}  // namespace narrows::recipes
