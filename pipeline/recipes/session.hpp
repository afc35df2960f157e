// The C++ entry for programs: run a TOML pipeline in a few lines.
//
//     narrows::recipes::Session session;                    // plugins from the usual folders
//     auto result = session.run(text);                      // TOML; throws narrows::Error
//     std::cout << result.numbers.at("sse") << "\n";
//
// One rule: a Session is cheap to keep and safe to share once made; each run() stands alone.
#pragma once

#include "pipeline/flow/run.hpp"
#include "pipeline/language/language.hpp"
#include "pipeline/recipes/recipes.hpp"

namespace narrows::recipes {

class NARROWS_PUBLIC Session {
public:
    // Loads $NARROWS_PLUGIN_PATH, the given folders, then the folder beside the command.
    // Throws Error{Fault::plugin}.
    explicit Session(std::span<const std::string> plugin_folders = {});

    registry::Registry& registry() { return registry_; }  // add() built-in types of your own
    const registry::Registry& registry() const { return registry_; }
    language::Pipeline parse(std::string_view text, std::string_view source = "pipeline",
                             std::span<const std::string> overrides = {},
                             language::Outputs outputs = language::Outputs::named) const;
    flow::Drawing inspect(const language::Pipeline& pipeline,
                          const flow::Settings& settings = {}) const;
    flow::Result run(const language::Pipeline& pipeline, const flow::Settings& settings = {}) const;
    flow::Result run(std::string_view text, const flow::Settings& settings = {}) const;

private:
    registry::Registry registry_;
};

}  // namespace narrows::recipes
