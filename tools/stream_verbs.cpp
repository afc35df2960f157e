#include "tools/stream_verbs.hpp"

#include <filesystem>

#include <fmt/format.h>

#include "pipeline/program/model_facts.hpp"
#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/part.hpp"
#include "tools/data_facts.hpp"

namespace narrows::tools {

void stream_options(CommandLine& line, recipes::StreamOptions& options, bool output) {
    line.data(options.source);
    line.option("-m,--model", options.model, "trained model");
    line.require("--model");
    if (output) {
        line.option("-o,--output", options.output, "file to write");
        line.require("--output");
    }
    line.option("--batch", options.source.batch, "samples a packet");
    drift_option(line, options.source);
}

void drift_option(CommandLine& line, recipes::Source& source) {
    line.choice("--on-drift", source.on_drift, {"warn", "stop"},
                "data unlike the training data: say so and go on (warn), or stop");
}

void level_option(CommandLine& line, recipes::StreamOptions& options) {
    line.level_option("--level", options.level, "deflate level of the output, 0 to 9");
}

void part_option(CommandLine& line, std::string& part) {
    line.option("--part", part, "part i/n of the rows alone, as a file of its own: narrows join");
}

std::string output_of_part(const Common& common, const storage::Part& part,
                           const std::string& output) {
    std::error_code ignored;
    const bool there = std::filesystem::is_directory(output, ignored);
    if (!there && (!output.ends_with(".d") || common.dry_run))
        return output;  // not made: checked as it is
    if (!there && !common.print_pipeline) storage::make_folder(output);
    return (std::filesystem::path(output) / fmt::format("part-{:05}.h5", part.number)).string();
}

void take_part(const Common& common, const std::string& part, recipes::Source& source,
               std::string& output) {
    if (part.empty()) return;
    const storage::Part which = storage::parse_part(part);
    if (!source.on_bad_row.empty() && source.on_bad_row != "stop")
        throw Error(Fault::usage,
                    "--part does not go with --on-bad-row: bad rows are counted in all data",
                    "import the good rows first");
    if (output.ends_with(".csv") || output.ends_with(".npy"))
        throw Error(Fault::usage, fmt::format("--part writes HDF5, not \"{}\"", output),
                    "name a .h5 file, or a folder for all parts: Z.d");
    source.all_rows = datasets::open(data_specs(source), 0, true)->rows();
    rows_of(which, source.all_rows);  // enough for all parts
    source.part = fmt::format("{}/{}", which.number, which.count);
    output = output_of_part(common, which, output);
}

void refuse_classifier(const std::string& model, const std::string& hint) {
    if (program::model_facts(model).classifier)
        throw Error(
            Fault::input,
            fmt::format("\"{}\" is a classifier's model: it gives classes, no reconstructions",
                        model),
            hint);
}

void finish_options(const Common& common, recipes::StreamOptions& options) {
    options.seed = common.seed.value_or(1);
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(options.model, ignored))
        throw Error(Fault::input, fmt::format("model \"{}\": no such file", options.model),
                    "train one with narrows train");
}

}  // namespace narrows::tools
