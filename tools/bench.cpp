#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "pipeline/flow/run.hpp"
#include "pipeline/language/language.hpp"
#include "pipeline/simd/kernels.hpp"
#include "tools/benchmarks/figure.hpp"
#include "tools/console.hpp"
#include "tools/did_you_mean.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

std::string time_text(double seconds) {
    if (seconds <= 0) return "";
    if (seconds < 1e-3) return fmt::format("{:.3g} us", 1e6 * seconds);
    return seconds < 1 ? fmt::format("{:.3g} ms", 1e3 * seconds) : fmt::format("{:.3g} s", seconds);
}

void print(const benchmarks::Figure& f) {
    const std::string share =
        f.share_of_limit < 0 ? "" : fmt::format("{:.1f} %", 100 * f.share_of_limit);
    fmt::print("{:<27} {:<42} {:>9} {:>10.4g} {:<10} {:>7} {} ({} thread{}, {})\n", f.name, f.size,
               time_text(f.seconds), f.rate, f.unit, share, f.note, f.threads,
               f.threads == 1 ? "" : "s", simd::kernels().name);
    std::fflush(stdout);
}

// The one of this name, those that begin with it ("product", "train"), or all.
std::vector<const benchmarks::Benchmark*> chosen(const std::string& name) {
    std::vector<const benchmarks::Benchmark*> out;
    std::vector<std::string> known;
    for (const benchmarks::Benchmark& b : benchmarks::all()) {
        known.emplace_back(b.name);
        if (name.empty() || b.name == name || b.name.starts_with(name + "-")) out.push_back(&b);
    }
    if (!out.empty()) return out;
    const auto close = language::suggest(name, known);
    throw Error(
        Fault::usage, fmt::format("no benchmark \"{}\"", name),
        close.empty() ? fmt::format("there are: {}", fmt::join(known, ", ")) : did_you_mean(close));
}

}  // namespace

int bench(CommandLine& line) {
    std::string name;
    line.positional("NAME", name, "only this one, or all of a first word: product, train", false);
    line.parse();
    const Common& common = line.common();
    select_kernel(common);
    const std::vector<const benchmarks::Benchmark*> list = chosen(name);
    if (common.dry_run) {
        for (const benchmarks::Benchmark* b : list) fmt::print("{:<27} {}\n", b->name, b->summary);
        return 0;
    }
    const benchmarks::Settings settings{
        common.threads > 0 ? static_cast<std::size_t>(common.threads) : flow::usable_threads()};
    nlohmann::ordered_json results = nlohmann::ordered_json::array();
    for (const benchmarks::Benchmark* b : list)
        b->run(settings, [&](const benchmarks::Figure& f) {
            if (!common.json) return print(f);
            results.push_back({{"name", f.name},
                               {"size", f.size},
                               {"seconds", f.seconds},
                               {"rate", f.rate},
                               {"unit", f.unit},
                               {"threads", f.threads},
                               {"kernel", simd::kernels().name},
                               {"note", f.note}});
            if (f.share_of_limit >= 0) results.back()["share_of_limit"] = f.share_of_limit;
        });
    if (common.json) fmt::print("{}\n", nlohmann::ordered_json{{"results", results}}.dump(2));
    return 0;
}

}  // namespace narrows::tools
