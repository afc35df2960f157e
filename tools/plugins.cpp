#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/run_pipeline.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {

int plugins(CommandLine& line) {
    line.parse();
    const Common& common = line.common();
    const recipes::Session session = make_session(common);
    const registry::Registry& registry = session.registry();
    if (common.json) {
        nlohmann::ordered_json out{{"plugins", nlohmann::ordered_json::array()},
                                   {"searched", nlohmann::ordered_json::array()}};
        for (const registry::PluginRecord& plugin : registry.plugins())
            out["plugins"].push_back({{"name", plugin.name},
                                      {"version", plugin.version},
                                      {"summary", plugin.summary},
                                      {"path", plugin.path.string()},
                                      {"types", plugin.types}});
        for (const auto& folder : registry.searched()) out["searched"].push_back(folder.string());
        fmt::print("{}\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
        return 0;
    }
    for (const registry::PluginRecord& plugin : registry.plugins()) {
        fmt::print("{:<12} {:<8} {}\n", plugin.name, plugin.version, plugin.summary);
        if (!common.verbose) continue;
        fmt::print("{:<12} {}\n", "", plugin.path.empty() ? "built in" : plugin.path.string());
        for (const std::string& type : plugin.types) fmt::print("{:<12}   {}\n", "", type);
    }
    if (common.verbose) {
        fmt::print("searched, in this order:\n");
        for (const auto& folder : registry.searched()) fmt::print("  {}\n", folder.string());
    }
    return 0;
}

}  // namespace narrows::tools
