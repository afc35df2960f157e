#include <filesystem>

#include <fmt/format.h>

#include "tools/layer_choice.hpp"
#include "tools/picture_options.hpp"
#include "tools/run_pipeline.hpp"

namespace narrows::tools {
namespace {

void check(const recipes::UnitsOptions& o) {
    if (o.samples < 0)
        throw Error(Fault::usage, fmt::format("--samples {}: must be at least 1", o.samples));
    if (o.source.data.empty() && o.samples > 0)
        throw Error(Fault::usage, "--samples are those of --data", "name --data too");
    if (!o.source.data.empty() && !o.method.empty())
        throw Error(Fault::usage, fmt::format("--method {} needs no data", o.method),
                    "leave out --method or --data");
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(o.model, ignored))
        throw Error(Fault::input, fmt::format("model \"{}\": no such file", o.model),
                    "train one with narrows train");
}

}  // namespace

int units(CommandLine& line) {
    recipes::UnitsOptions options;
    PictureLine picture;
    line.positional("M.h5", options.model, "trained model");
    line.option("-o,--output", options.output, "FILE.png to write");
    line.require("--output");
    line.option("--layer", options.layer, "encoder.0, ..., or code (the first that has weights)");
    line.option("--count", picture.options.count, "the first N units (64)");
    line.choice("--method", options.method, {"weights", "ascent"},
                "weights, or the input that excites a unit most by gradient ascent");
    line.data_option("--data", options.source,
                     "draw the mean of the samples that excite a unit most");
    line.option("--samples", options.samples, "with --data: how many are averaged (9)");
    picture_options(line, picture, false);
    line.parse();
    options.seed = line.common().seed.value_or(1);
    check(options);
    const auto drawing = finish_picture(picture, options.output);
    if (!drawing)
        throw Error(Fault::usage, fmt::format("output \"{}\" does not end in .png", options.output),
                    "units are drawn as a picture");
    options.picture = *drawing;
    select_kernel(line.common());
    const recipes::Session session = make_session(line.common());
    if (!options.source.data.empty())
        options.last =
            choose_layer(options.model, options.layer, line.common(), session.registry()).layers;
    return run_pipeline(line.common(),
                        {"units",
                         recipes::units(options),
                         "units",
                         {"layer", "method", "pictures", "colours", "low", "high"}},
                        session);
}

}  // namespace narrows::tools
