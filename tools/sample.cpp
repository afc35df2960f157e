#include "tools/picture_options.hpp"
#include "tools/stream_verbs.hpp"

#include <fmt/format.h>

namespace narrows::tools {

int sample(CommandLine& line) {
    recipes::StreamOptions options;
    PictureLine picture;
    std::optional<std::int64_t> components;
    line.option("-m,--model", options.model, "trained model; without --mixture a variational one");
    line.require("--model");
    line.option("-n,--samples", options.samples, "how many");
    line.require("--samples");
    line.option("-o,--output", options.output, "file to write");
    line.require("--output");
    line.option("--mixture", components, "draw codes from a Gaussian mixture of K components");
    line.option("--fit", options.fit, "DATA whose codes the mixture is fitted to");
    level_option(line, options);
    picture_options(line, picture, false);
    line.parse();
    options.picture = finish_picture(picture, options.output);
    finish_options(line.common(), options);
    if (options.samples < 1)
        throw Error(Fault::usage, fmt::format("-n {}: must be at least 1", options.samples));
    if (components && (*components < 1 || *components > 4096))
        throw Error(Fault::usage, fmt::format("--mixture {}: must be from 1 to 4096", *components));
    if (components.has_value() == options.fit.empty())
        throw Error(
            Fault::usage,
            components ? "--mixture needs DATA to fit its components to" : "--fit needs --mixture",
            "for example --fit train.h5 --mixture 10");
    options.components = components.value_or(0);
    std::vector<std::string> keys;
    if (options.picture) {
        options.picture->count = options.samples;
        keys = {"pictures", "colours", "low", "high"};
    }
    return run_pipeline(line.common(), {"sample", recipes::sample(options), "sample", keys});
}

}  // namespace narrows::tools
