#include <fmt/format.h>

#include "tools/layer_choice.hpp"
#include "tools/model_facts.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {
namespace {

void check_latent(const recipes::StreamOptions& o, bool gaussian) {
    if (o.draws < 0 || o.draws > 1 << 16)
        throw Error(Fault::usage,
                    fmt::format("--draws {}: must be from 1 to {}", o.draws, 1 << 16));
    if (!gaussian && (o.log_variance || o.draws > 0))
        throw Error(Fault::usage,
                    fmt::format("{}: the model has no gaussian latent",
                                o.log_variance ? "--log-variance" : "--draws"),
                    "train one with --model variational");
    if (o.int8 && (o.log_variance || o.draws > 0))
        throw Error(Fault::usage, "--int8 gives codes alone",
                    "leave out --log-variance and --draws");
}

// What is not the code cannot be decoded: no error, no entries, no latent.
void inner_layer(recipes::StreamOptions& o, std::int64_t layers) {
    if (o.int8 || o.log_variance || o.draws > 0)
        throw Error(Fault::usage, "--int8, --log-variance and --draws are of the code",
                    "leave out --layer, or them");
    o.layers = layers;
    o.error = o.quantised = false;
}

}  // namespace

int encode(CommandLine& line) {
    recipes::StreamOptions options;
    stream_options(line, options, true);
    bool no_error = false;
    std::string layer, part;
    line.option("--layer", layer,
                "store this layer's output: encoder.0, ..., or code (the default)");
    line.flag("--log-variance", options.log_variance,
              "variational: store the log-variances too, /log_variance");
    line.option("--draws", options.draws,
                "variational: store N samples of each latent too, /draws");
    line.flag("--int8", options.int8,
              "8-bit integers: dense encoders, several times as fast; the codes' error is told");
    line.option("--calibration", options.calibration,
                "with --int8: samples that fix the ranges, spread over DATA");
    line.flag("--no-error", no_error, "do not decode each sample again for its error, /sse");
    line.flag("--live", options.live,
              "publish under the final name from the start; readers refuse it until complete");
    part_option(line, part);
    line.flag("--append", options.append,
              "put the codes behind those that the output has, of the same model and options");
    line.parse();
    options.error = !no_error;
    if (options.append && (options.live || line.common().resume || line.common().no_clobber))
        throw Error(Fault::usage, "--append does not go with --live, --resume or --no-clobber",
                    "the output stays as it was until it is whole: run the same words again");
    if (options.append && !part.empty())
        throw Error(Fault::usage, "--append does not go with --part",
                    "parts are files of their own: narrows join puts them together");
    if (options.calibration != 0 && (!options.int8 || options.calibration < 0))
        throw Error(Fault::usage, options.int8 ? "encode: --calibration must be at least 1"
                                               : "encode: --calibration is for --int8");
    if (options.int8 && !part.empty())
        throw Error(Fault::usage,
                    "--part does not go with --int8: its ranges are fitted to all data",
                    "leave one of them out");
    finish_options(line.common(), options);
    take_part(line.common(), part, options.source, options.output);
    refuse_outputs(line.common(), {{options.model}, {options.output}});  // before it is read
    select_kernel(line.common());
    const recipes::Session session = make_session(line.common());
    if (options.error)
        refuse_classifier(options.model,
                          "--no-error stores its codes alone; narrows classify "
                          "predict gives the classes");
    const ModelFacts facts = model_facts(options.model);
    options.quantised = facts.quantised;
    options.error = options.error && facts.decoder;
    check_latent(options, facts.gaussian);
    if (!layer.empty()) {
        const LayerChoice choice =
            choose_layer(options.model, layer, line.common(), session.registry());
        if (!choice.last) inner_layer(options, choice.layers);
    }
    if (options.output.ends_with(".npy")) options.error = false;  // it holds the codes alone
    PipelineJob job{"encode",
                    recipes::encode(options),
                    "encode",
                    {"sse", "mse", "model_sha256", "code_relative_error"}};
    return run_pipeline(line.common(), job, session);
}

}  // namespace narrows::tools
