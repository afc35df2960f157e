#include <charconv>

#include <fmt/format.h>

#include "tools/console.hpp"
#include "tools/data_facts.hpp"
#include "tools/label_source.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {
namespace {

const std::vector<std::string> result_keys{
    "linear_accuracy",     "knn_accuracy",     "raw_linear_accuracy", "raw_knn_accuracy",
    "pca_linear_accuracy", "pca_knn_accuracy", "linear_r2",           "knn_r2",
    "raw_linear_r2",       "raw_knn_r2",       "pca_linear_r2",       "pca_knn_r2"};

struct ProbeLine {
    recipes::ProbeOptions options;
    std::string test, labels, test_labels, fail_under;
};

// "PCA", or the least accuracy (or R squared) of the linear model.
std::optional<double> parse_bound(const std::string& text) {
    if (text.empty() || text == "PCA" || text == "pca") return std::nullopt;
    double bound = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bound);
    if (error != std::errc{} || end != text.data() + text.size() || !(bound <= 1))
        throw Error(Fault::usage,
                    fmt::format("--fail-under {}: neither PCA nor a number up to 1", text),
                    "--fail-under PCA fails when a linear model on the codes is worse than on PCA");
    return bound;
}

double linear_of(const flow::Result& result, const std::string& prefix) {
    const auto accuracy = result.numbers.find(prefix + "linear_accuracy");
    return accuracy != result.numbers.end() ? accuracy->second
                                            : result.numbers.at(prefix + "linear_r2");
}

int judge(const Common& common, const std::string& text, std::optional<double> bound,
          const flow::Result& result) {
    const double least = bound ? *bound : linear_of(result, "pca_");
    const double found = linear_of(result, "");
    if (found >= least) return 0;
    warn(common, fmt::format("--fail-under {}: {:.6g} is below {:.6g}", text, found, least));
    return static_cast<int>(Fault::run);
}

void describe(CommandLine& line, ProbeLine& in) {
    line.data(in.options.source);
    line.option("-m,--model", in.options.model, "trained model");
    line.require("--model");
    line.option("--labels", in.labels, "DATA with one label a sample (those inside DATA)");
    line.option("--test", in.test, "DATA to test on, instead of random splits");
    line.option("--test-labels", in.test_labels, "its labels (those inside it)");
    line.option("--neighbours", in.options.neighbours, "that vote (5)");
    line.option("--splits", in.options.splits, "random parts, four fifths to train on (5)");
    line.option("--fail-under", in.fail_under, "PCA, or the least linear accuracy: else exit 1");
    line.option("--batch", in.options.source.batch, "samples a packet");
    drift_option(line, in.options.source);
}

void check(const ProbeLine& in) {
    const recipes::ProbeOptions& o = in.options;
    if (o.neighbours < 1)
        throw Error(Fault::usage, fmt::format("--neighbours {}: must be at least 1", o.neighbours));
    if (o.splits < 1)
        throw Error(Fault::usage, fmt::format("--splits {}: must be at least 1", o.splits));
    if (!in.test_labels.empty() && in.test.empty())
        throw Error(Fault::usage, "--test-labels without --test", "name the test's samples too");
    if (!in.test.empty() && !o.source.on_bad_row.empty() && o.source.on_bad_row != "stop")
        throw Error(Fault::usage, "--on-bad-row and --test do not go together",
                    "import the good rows first");
}

}  // namespace

int probe(CommandLine& line) {
    ProbeLine in;
    describe(line, in);
    line.parse();
    const Common& common = line.common();
    recipes::ProbeOptions& options = in.options;
    check(in);
    const std::optional<double> bound = parse_bound(in.fail_under);
    recipes::StreamOptions stream;
    stream.model = options.model;
    finish_options(common, stream);
    options.seed = stream.seed;
    {
        const auto data = open_data(options.source);
        add_labels(options.labels, in.labels, options.source, options.source.data, *data,
                   "--labels");
    }
    if (!in.test.empty()) {
        recipes::Source test = options.source;
        test.data = {in.test};
        const auto data = open_data(test);
        options.test_samples = data->rows();
        add_labels(options.labels, in.test_labels, test, test.data, *data, "--test-labels");
        options.source.data.push_back(in.test);
    }
    PipelineJob job{"probe", recipes::probe(options), "probe", result_keys, ResultsAre::data};
    if (!in.fail_under.empty())
        job.judge = [&](const flow::Result& result) {
            return judge(common, in.fail_under, bound, result);
        };
    return run_pipeline(common, job);
}

}  // namespace narrows::tools
