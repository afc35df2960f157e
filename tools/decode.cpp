#include "tools/stream_verbs.hpp"

namespace narrows::tools {

int decode(CommandLine& line) {
    recipes::StreamOptions options;
    stream_options(line, options, true);
    level_option(line, options);
    line.parse();
    finish_options(line.common(), options);
    refuse_classifier(options.model, classes_instead);
    return run_pipeline(line.common(), {"decode", recipes::decode(options), "decode", {}});
}

}  // namespace narrows::tools
