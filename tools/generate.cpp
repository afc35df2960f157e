#include "datasets/dataset.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {

int generate(CommandLine& line) {
    recipes::GenerateOptions options;
    line.positional("KIND", options.kind, "digits, waves, fields or blobs");
    line.offer("KIND", {"digits", "waves", "fields", "blobs"});
    line.option("-n,--samples", options.samples, "how many");
    line.require("--samples");
    line.option("-o,--output", options.output, "file to write");
    line.require("--output");
    line.level_option("--level", options.level, "deflate level of the output, 0 to 9");
    line.parse();
    if (options.samples < 1)
        throw Error(Fault::usage, "-n " + std::to_string(options.samples) + ": must be at least 1");
    options.seed = line.common().seed.value_or(1);
    options.type = storage::to_string(datasets::generated_layout(options.kind).type);
    return run_pipeline(line.common(), {"generate", recipes::generate(options), "generate", {}});
}

}  // namespace narrows::tools
