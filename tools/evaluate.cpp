#include "tools/data_facts.hpp"
#include "tools/model_facts.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {

int evaluate(CommandLine& line) {
    recipes::StreamOptions options;
    stream_options(line, options, false);
    line.flag("--mean", options.mean, "variational: decode the mean of the latent, not a draw");
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
    options.gaussian = model_facts(options.model).gaussian;
    PipelineJob job{"evaluate", recipes::evaluate(options), "evaluate",
                    {"sse", "mse", "bce", "negative_elbo", "kl", "active_units", "dead_units"}, ResultsAre::data};
    return run_pipeline(line.common(), job);
}

}  // namespace narrows::tools
