#include "pipeline/recipes/session.hpp"

namespace narrows::recipes {

Session::Session(std::span<const std::string> plugin_folders) {
    for (const std::filesystem::path& folder : registry::plugin_folders(plugin_folders))
        registry_.load_folder(folder);
}

language::Pipeline Session::parse(std::string_view text, std::string_view source,
                                  std::span<const std::string> overrides,
                                  language::Outputs outputs) const {
    return language::parse(text, source, registry_, overrides, outputs);
}

flow::Drawing Session::inspect(const language::Pipeline& pipeline,
                               const flow::Settings& settings) const {
    return flow::inspect(pipeline, registry_, settings);
}

flow::Result Session::run(const language::Pipeline& pipeline,
                          const flow::Settings& settings) const {
    return flow::run(pipeline, registry_, settings);
}

flow::Result Session::run(std::string_view text, const flow::Settings& settings) const {
    return run(parse(text), settings);
}

}  // namespace narrows::recipes
