#include "tools/data_facts.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {

int reconstruct(CommandLine& line) {
    recipes::StreamOptions options;
    stream_options(line, options, true);
    level_option(line, options);
    line.parse();
    finish_options(line.common(), options);
    options.labels = !open_data(options.source)->labels().empty();
    PipelineJob job{"reconstruct", recipes::reconstruct(options), "reconstruct", {"sse", "mse"}};
    return run_pipeline(line.common(), job);
}

}  // namespace narrows::tools
