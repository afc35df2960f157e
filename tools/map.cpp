#include <filesystem>

#include <fmt/format.h>

#include "tools/console.hpp"
#include "tools/data_facts.hpp"
#include "tools/label_source.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {
namespace {

struct MapLine {
    recipes::MapOptions options;
    std::string labels, sample_shape;
};

void describe(CommandLine& line, MapLine& in) {
    recipes::MapOptions& o = in.options;
    line.data(o.source);
    line.option("-m,--model", o.model, "trained model: map its codes (the samples as they are)");
    line.option("-o,--output", o.output, "FILE.h5, .png, .svg or .html to write");
    line.require("--output");
    line.choice("--method", o.method, {"tsne", "pca"}, "tsne (default) or pca");
    line.option("--perplexity", o.perplexity, "t-SNE: about so many neighbours matter (30)");
    line.option("--iterations", o.iterations, "t-SNE: steps of the descent (1000)");
    line.option("--neighbours", o.neighbours, "that trustworthiness looks at (12)");
    line.option("--labels", in.labels, "DATA with one label a sample (those inside DATA)");
    line.option("--sample-shape", in.sample_shape, "page: draw samples as rows,columns[,3]");
    line.option("--batch", o.source.batch, "samples a packet");
    drift_option(line, o.source);
}

void check(const MapLine& in) {
    const recipes::MapOptions& o = in.options;
    const std::string ending = std::filesystem::path(o.output).extension().string();
    if (ending != ".h5" && ending != ".hdf5" && ending != ".png" && ending != ".svg" &&
        ending != ".html")
        throw Error(Fault::usage,
                    fmt::format("output \"{}\" does not end in .h5, .png, .svg or .html", o.output),
                    "the ending says what is written");
    if (o.method == "pca" && (o.perplexity || o.iterations != 0))
        throw Error(Fault::usage, "--perplexity and --iterations are for --method tsne",
                    "leave them out");
    if (o.perplexity && !(*o.perplexity >= 1 && *o.perplexity <= 10000))
        throw Error(Fault::usage,
                    fmt::format("--perplexity {}: must lie between 1 and 10000", *o.perplexity));
    for (const auto& [name, value] :
         {std::pair{"--iterations", o.iterations}, std::pair{"--neighbours", o.neighbours}})
        if (value < 0)
            throw Error(Fault::usage, fmt::format("{} {}: must be at least 1", name, value));
    if (!in.sample_shape.empty() && ending != ".html")
        throw Error(Fault::usage,
                    "--sample-shape is for pages, but the output is \"" + o.output + "\"",
                    "name it FILE.html, or leave it out");
    std::error_code ignored;
    if (!o.model.empty() && !std::filesystem::is_regular_file(o.model, ignored))
        throw Error(Fault::input, fmt::format("model \"{}\": no such file", o.model),
                    "train one with narrows train");
}

}  // namespace

int map(CommandLine& line) {
    MapLine in;
    describe(line, in);
    line.parse();
    const Common& common = line.common();
    recipes::MapOptions& options = in.options;
    check(in);
    options.seed = common.seed.value_or(1);
    options.shows_samples = std::filesystem::path(options.output).extension() == ".html";
    if (!in.sample_shape.empty())
        options.sample_shape = parse_widths("--sample-shape", in.sample_shape);
    {
        const auto data = open_data(options.source);
        add_labels(options.labels, in.labels, options.source, options.source.data, *data,
                   "--labels", true);
    }
    PipelineJob job{
        "map",
        recipes::map(options),
        "map",
        {"trustworthiness", "continuity", "method", "neighbours", "perplexity", "kl_divergence"},
        ResultsAre::data};
    job.inputs = options.labels.data;
    return run_pipeline(common, job);
}

}  // namespace narrows::tools
