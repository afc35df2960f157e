#include "tools/data_facts.hpp"
#include "tools/model_facts.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {

int evaluate(CommandLine& line) {
    recipes::StreamOptions options;
    stream_options(line, options, false);
    line.flag("--mean", options.mean, "variational: decode the mean of the latent, not a draw");
    line.flag("--jacobian", options.jacobian,
              "estimate the squared norm of the encoder's Jacobian");
    line.parse();
    finish_options(line.common(), options);
    select_kernel(line.common());
    const auto data = open_data(options.source);
    options.bce = in_unit_range_for_model(*data, options.model, line.common());
    const ModelFacts facts = model_facts(options.model);
    options.gaussian = facts.gaussian;
    options.quantised = facts.quantised;
    if (options.jacobian && options.quantised)
        throw Error(Fault::usage, "--jacobian: a quantised code moves in jumps, it has no Jacobian",
                    "leave out --jacobian");
    PipelineJob job{
        "evaluate",
        recipes::evaluate(options),
        "evaluate",
        {"sse", "mse", "bce", "negative_elbo", "kl", "active_units", "dead_units", "perplexity",
         "used_entries", "codebook_entries", "code_bits", "jacobian_norm_estimate"},
        ResultsAre::data};
    return run_pipeline(line.common(), job);
}

}  // namespace narrows::tools
