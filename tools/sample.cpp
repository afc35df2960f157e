#include "tools/stream_verbs.hpp"

#include <fmt/format.h>

namespace narrows::tools {

int sample(CommandLine& line) {
    recipes::StreamOptions options;
    line.option("-m,--model", options.model, "trained variational model");
    line.require("--model");
    line.option("-n,--samples", options.samples, "how many");
    line.require("--samples");
    line.option("-o,--output", options.output, "file to write");
    line.require("--output");
    level_option(line, options);
    line.parse();
    finish_options(line.common(), options);
    if (options.samples < 1)
        throw Error(Fault::usage, fmt::format("-n {}: must be at least 1", options.samples));
    return run_pipeline(line.common(), {"sample", recipes::sample(options), "sample", {}});
}

}  // namespace narrows::tools
