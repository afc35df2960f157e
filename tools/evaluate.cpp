#include <fmt/format.h>

#include "tools/data_facts.hpp"
#include "tools/model_facts.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {

int evaluate(CommandLine& line) {
    recipes::StreamOptions options;
    std::optional<std::int64_t> importance;
    stream_options(line, options, false);
    line.flag("--mean", options.mean, "variational: decode the mean of the latent, not a draw");
    line.flag("--jacobian", options.jacobian,
              "estimate the squared norm of the encoder's Jacobian");
    std::string corruption;
    line.option(
        "--corruption", corruption,
        "corrupt the input (gaussian:S, masking:R, salt-and-pepper:R), compare with the clean");
    line.option("--importance", importance,
                "variational: log-likelihood from N importance-weighted draws a sample");
    line.parse();
    finish_options(line.common(), options);
    refuse_classifier(options.model, classes_instead);
    if (!corruption.empty()) options.corruption = recipes::parse_corruption(corruption);
    if (options.corruption.last)
        throw Error(Fault::usage, "evaluate --corruption takes one amount: there are no epochs");
    if (importance && (*importance < 1 || *importance > 1 << 24))
        throw Error(Fault::usage,
                    fmt::format("--importance {}: must be from 1 to {}", *importance, 1 << 24));
    select_kernel(line.common());
    finish_evaluation(options);
    options.importance = importance.value_or(0);
    if (options.jacobian && options.quantised)
        throw Error(Fault::usage, "--jacobian: a quantised code moves in jumps, it has no Jacobian",
                    "leave out --jacobian");
    if (importance && !options.gaussian)
        throw Error(Fault::usage,
                    fmt::format("--importance {}: the model has no gaussian latent to draw from",
                                *importance),
                    "train one with --model variational");
    PipelineJob job{
        "evaluate",
        recipes::evaluate(options),
        "evaluate",
        {"sse", "mse", "bce", "nll", "negative_elbo", "kl", "active_units", "dead_units",
         "perplexity", "used_entries", "codebook_entries", "code_bits", "jacobian_norm_estimate"},
        ResultsAre::data};
    return run_pipeline(line.common(), job);
}

}  // namespace narrows::tools
