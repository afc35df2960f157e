#include <algorithm>

#include <fmt/format.h>

#include "tools/console.hpp"
#include "tools/data_facts.hpp"
#include "tools/label_source.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {
namespace {

struct ScoreLine {
    recipes::ScoreOptions options;
    std::optional<double> quantile;
    std::optional<std::int64_t> importance;
    std::vector<std::string> reference;
    std::string labels, part;
};

void describe(CommandLine& line, ScoreLine& in) {
    line.data(in.options.source);
    line.option("-m,--model", in.options.model, "trained model");
    line.require("--model");
    line.option("-o,--output", in.options.output, "file to write");
    line.require("--output");
    line.option("--labels", in.labels,
                "DATA with one label a sample, not 0: an anomaly (those inside DATA)");
    line.flag("--per-feature", in.options.per_feature, "store each value's squared error too");
    line.option("--importance", in.importance,
                "variational: the score is -log p(x) in nats, from N importance-weighted draws");
    line.option("--threshold-quantile", in.quantile,
                "flag scores above this quantile of the reference's scores, 0.99 for example");
    line.option("--reference", in.reference,
                "DATA of normal samples that set the threshold (DATA itself)");
    line.option("--batch", in.options.source.batch, "samples a packet");
    part_option(line, in.part);
    drift_option(line, in.options.source);
}

void check(const ScoreLine& in) {
    const recipes::Source& source = in.options.source;
    if (in.quantile && !(*in.quantile > 0 && *in.quantile <= 1))
        throw Error(Fault::usage,
                    fmt::format("--threshold-quantile {}: must lie in (0, 1]", *in.quantile),
                    "0.99 flags what is above 99 % of the reference");
    if (!in.reference.empty() && !in.quantile)
        throw Error(Fault::usage, "--reference without --threshold-quantile",
                    "the reference is for the threshold: --threshold-quantile 0.99");
    if (!in.part.empty() && (in.quantile || !in.labels.empty() || source.window > 0))
        throw Error(Fault::usage,
                    "--part does not go with --threshold-quantile, --labels or --window",
                    "these are of all rows: score in parts, join them, then compare");
    const bool drops = !source.on_bad_row.empty() && source.on_bad_row != "stop";
    if (drops && (!in.reference.empty() || source.window > 0))
        throw Error(Fault::usage, "--on-bad-row does not go with --reference or --window",
                    "import the good rows first");
    if (source.window > 0 && source.data.size() > 1)
        throw Error(Fault::usage, "windows of several DATA have no common time",
                    "score one series after another");
}

// Rows of the series that windows are cut from; 0 without windows, or where a part of the windows
// was asked for (their place in time is then told by /ids).
std::int64_t series_rows(const recipes::Source& source) {
    if (source.window == 0) return 0;
    const datasets::DataSpec spec = datasets::parse_data(source.data.front());
    if (spec.first || spec.last) return 0;
    recipes::Source plain = source;
    plain.window = plain.stride = 0;
    return open_data(plain)->rows();
}

// p(x | z) as the model was trained with it.
void take_importance(std::int64_t draws, recipes::ScoreOptions& options) {
    if (draws < 1 || draws > 1 << 24)
        throw Error(Fault::usage,
                    fmt::format("--importance {}: must be from 1 to {}", draws, 1 << 24));
    recipes::StreamOptions model;
    model.source = options.source;
    model.model = options.model;
    finish_evaluation(model);
    if (!model.gaussian)
        throw Error(
            Fault::usage,
            fmt::format("--importance {}: the model has no gaussian latent to draw from", draws),
            "train one with --model variational");
    options.importance.draws = draws;
    options.importance.likelihood = recipes::likelihood_of(model);
    options.importance.scale = model.likelihood_scale;
}

}  // namespace

int score(CommandLine& line) {
    ScoreLine in;
    describe(line, in);
    line.parse();
    const Common& common = line.common();
    recipes::ScoreOptions& options = in.options;
    check(in);
    options.quantile = in.quantile.value_or(0);
    recipes::StreamOptions stream;
    stream.model = options.model;
    finish_options(common, stream);
    options.seed = stream.seed;
    refuse_classifier(options.model, classes_instead);
    if (in.importance) take_importance(*in.importance, options);
    options.series_rows = series_rows(options.source);
    take_part(common, in.part, options.source, options.output);
    if (in.part.empty()) {
        const auto data = open_data(options.source);
        const std::vector<std::int64_t> own = data->labels();
        const bool classes =
            std::any_of(own.begin(), own.end(), [](std::int64_t l) { return l != 0 && l != 1; });
        if (in.labels.empty() && classes)
            say(common, fmt::format("the labels of {} are not all 0 and 1: not taken as anomalies; "
                                    "name them with --labels to do so",
                                    data->name()));
        else
            add_labels(options.labels, in.labels, options.source, options.source.data, *data,
                       "--labels", true);
    }
    if (!in.reference.empty()) {
        recipes::Source reference = options.source;
        reference.data = in.reference;
        options.reference_samples = open_data(reference)->rows();
        options.source.data.insert(options.source.data.begin(), in.reference.begin(),
                                   in.reference.end());
    }
    PipelineJob job{"score",
                    recipes::score(options),
                    "score",
                    {"auc", "average_precision", "threshold", "flagged_share", "flagged"},
                    ResultsAre::talk};
    job.inputs = options.labels.data;
    return run_pipeline(common, job);
}

}  // namespace narrows::tools
