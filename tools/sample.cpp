#include "tools/picture_options.hpp"
#include "tools/stream_verbs.hpp"

#include <fmt/format.h>

namespace narrows::tools {

int sample(CommandLine& line) {
    recipes::StreamOptions options;
    PictureLine picture;
    line.option("-m,--model", options.model, "trained variational model");
    line.require("--model");
    line.option("-n,--samples", options.samples, "how many");
    line.require("--samples");
    line.option("-o,--output", options.output, "file to write");
    line.require("--output");
    level_option(line, options);
    picture_options(line, picture, false);
    line.parse();
    options.picture = finish_picture(picture, options.output);
    finish_options(line.common(), options);
    if (options.samples < 1)
        throw Error(Fault::usage, fmt::format("-n {}: must be at least 1", options.samples));
    std::vector<std::string> keys;
    if (options.picture) {
        options.picture->count = options.samples;
        keys = {"pictures", "colours", "low", "high"};
    }
    return run_pipeline(line.common(), {"sample", recipes::sample(options), "sample", keys});
}

}  // namespace narrows::tools
