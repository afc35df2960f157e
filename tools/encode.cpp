#include "tools/model_facts.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {

int encode(CommandLine& line) {
    recipes::StreamOptions options;
    stream_options(line, options, true);
    line.flag("--live", options.live, "publish under the final name from the start; readers refuse it until complete");
    line.parse();
    finish_options(line.common(), options);
    refuse_outputs(line.common(), {{options.model}, {options.output}});  // before it is read
    options.quantised = model_facts(options.model).quantised;
    PipelineJob job{"encode", recipes::encode(options), "encode", {"sse", "mse", "model_sha256"}};
    return run_pipeline(line.common(), job);
}

}  // namespace narrows::tools
