#include "tools/model_facts.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {

int encode(CommandLine& line) {
    recipes::StreamOptions options;
    stream_options(line, options, true);
    bool no_error = false;
    line.flag("--int8", options.int8,
              "8-bit integers: dense encoders, several times as fast; the codes' error is told");
    line.option("--calibration", options.calibration,
                "with --int8: samples that fix the ranges, spread over DATA");
    line.flag("--no-error", no_error, "do not decode each sample again for its error, /sse");
    line.flag("--live", options.live, "publish under the final name from the start; readers refuse it until complete");
    line.parse();
    options.error = !no_error;
    if (options.calibration != 0 && (!options.int8 || options.calibration < 0))
        throw Error(Fault::usage, options.int8 ? "encode: --calibration must be at least 1"
                                               : "encode: --calibration is for --int8");
    finish_options(line.common(), options);
    refuse_outputs(line.common(), {{options.model}, {options.output}});  // before it is read
    options.quantised = model_facts(options.model).quantised;
    PipelineJob job{"encode",
                    recipes::encode(options),
                    "encode",
                    {"sse", "mse", "model_sha256", "code_relative_error"}};
    return run_pipeline(line.common(), job);
}

}  // namespace narrows::tools
