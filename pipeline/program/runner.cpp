#include <filesystem>

#include "pipeline/narrows.hpp"
#include "pipeline/program/data_facts.hpp"
#include "pipeline/program/formats.hpp"
#include "pipeline/program/model_facts.hpp"

namespace narrows {
namespace {

void require_model(const std::string& file) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(file, ignored))
        throw Error(Fault::input, "model \"" + file + "\": no such file", "train one first");
}

}  // namespace

Runner::Runner(std::span<const std::string> plugin_folders) : session_(plugin_folders) {
    program::offer_formats({plugin_folders.begin(), plugin_folders.end()});
}

flow::Result Runner::train(const recipes::TrainOptions& options,
                           const flow::Settings& settings) const {
    const auto data = program::open_data(options.source);
    const recipes::DataFacts facts = program::training_facts(*data, options.source);
    return session_.run(recipes::train(recipes::resolve(options, facts)), settings);
}

flow::Result Runner::encode(recipes::StreamOptions options, const flow::Settings& settings) const {
    require_model(options.model);
    const program::ModelFacts facts = program::model_facts(options.model);
    options.quantised = facts.quantised;
    options.error = options.error && facts.decoder;
    if (options.output.ends_with(".npy")) options.error = false;  // it holds the codes alone
    return session_.run(recipes::encode(options), settings);
}

flow::Result Runner::decode(recipes::StreamOptions options, const flow::Settings& settings) const {
    require_model(options.model);
    return session_.run(recipes::decode(options), settings);
}

flow::Result Runner::reconstruct(recipes::StreamOptions options,
                                 const flow::Settings& settings) const {
    require_model(options.model);
    options.labels = !program::open_data(options.source)->labels().empty();
    return session_.run(recipes::reconstruct(options), settings);
}

flow::Result Runner::evaluate(recipes::StreamOptions options,
                              const flow::Settings& settings) const {
    require_model(options.model);
    program::finish_evaluation(options);
    return session_.run(recipes::evaluate(options), settings);
}

}  // namespace narrows
