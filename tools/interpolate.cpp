#include "tools/picture_options.hpp"
#include "tools/stream_verbs.hpp"

#include <fmt/format.h>

namespace narrows::tools {

int interpolate(CommandLine& line) {
    recipes::StreamOptions options;
    PictureLine picture;
    options.steps = 10;
    line.option("-m,--model", options.model, "trained model");
    line.require("--model");
    line.option("--from", options.from, "DATA to begin at, FILE[:/dataset][@first:last]");
    line.require("--from");
    line.option("--to", options.to, "DATA to end at, as many rows");
    line.require("--to");
    line.option("--steps", options.steps, "points from one to the other, both included (10)");
    line.choice("--path", options.path, {"linear", "spherical"},
                "linear (the default) or spherical");
    line.option("-o,--output", options.output, "file to write");
    line.require("--output");
    level_option(line, options);
    picture_options(line, picture, false);
    line.parse();
    options.picture = finish_picture(picture, options.output);
    finish_options(line.common(), options);
    if (options.steps < 2 || options.steps > 1 << 20)
        throw Error(Fault::usage,
                    fmt::format("--steps {}: must be from 2 to {}", options.steps, 1 << 20),
                    "both ends are counted");
    constexpr std::int64_t most_pictures = 4096;
    if (options.picture) {  // a row of pictures for each pair of rows
        options.picture->count = most_pictures;
        if (options.picture->columns == 0) options.picture->columns = options.steps;
    }
    return run_pipeline(line.common(),
                        {"interpolate", recipes::interpolate(options), "interpolate", {}});
}

}  // namespace narrows::tools
