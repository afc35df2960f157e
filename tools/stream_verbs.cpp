#include "tools/stream_verbs.hpp"

#include <filesystem>

#include <fmt/format.h>

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

void finish_options(const Common& common, recipes::StreamOptions& options) {
    options.seed = common.seed.value_or(1);
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(options.model, ignored))
        throw Error(Fault::input, fmt::format("model \"{}\": no such file", options.model),
                    "train one with narrows train");
}

}  // namespace narrows::tools
