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
    std::string corruption;
    line.option("--corruption", corruption,
                "corrupt the input (gaussian:S, masking:R, salt-and-pepper:R), compare with the clean");
    line.parse();
    finish_options(line.common(), options);
    if (!corruption.empty()) options.corruption = recipes::parse_corruption(corruption);
    if (options.corruption.last)
        throw Error(Fault::usage, "evaluate --corruption takes one amount: there are no epochs");
    select_kernel(line.common());
    const auto data = open_data(options.source);
    options.bce = in_unit_range_for_model(*data, options.source, options.model);
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
