#include <chrono>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pipeline/language/language.hpp"
#include "tools/benchmarks.hpp"
#include "tools/console.hpp"
#include "tools/did_you_mean.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {

int bench(CommandLine& line) {
    std::string name;
    line.positional("NAME", name, "only this one", false);
    line.parse();
    const Common& common = line.common();
    select_kernel(common);
    const std::vector<Benchmark> list = benchmarks();
    if (!name.empty()) {
        std::vector<std::string> known;
        for (const Benchmark& b : list) known.push_back(b.name);
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            const auto close = language::suggest(name, known);
            std::string names;
            for (const std::string& k : known) names += (names.empty() ? "" : ", ") + k;
            throw Error(Fault::usage, fmt::format("no benchmark \"{}\"", name),
                        close.empty() ? "there are: " + names
                                      : did_you_mean(close));
        }
    }
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    for (const Benchmark& b : list) {
        if (!name.empty() && b.name != name) continue;
        const Figure figure = b.measure();
        if (common.json)
            results.push_back({{"name", b.name}, {"threads", figure.threads}, {"rate", figure.rate},
                               {"unit", b.unit}, {"share_of_limit", figure.share_of_limit},
                               {"kernel", figure.kernel}});
        else
            fmt::print("{:<22} {:>10.4g} {:<10} {:>5.1f} % of the limit  {} thread{}, {}\n", b.name,
                       figure.rate, b.unit, 100 * figure.share_of_limit, figure.threads,
                       figure.threads == 1 ? "" : "s", figure.kernel);
    }
    if (common.json) fmt::print("{}\n", nlohmann::ordered_json{{"results", results}}.dump(2));
    return 0;
}

}  // namespace narrows::tools
