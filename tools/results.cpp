#include "tools/results.hpp"

#include <algorithm>
#include <cmath>

#include <sys/resource.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pipeline/simd/kernels.hpp"
#include "tools/console.hpp"
#include "tools/json_log.hpp"
#include "tools/streams.hpp"

namespace narrows::tools {
namespace {

using nlohmann::ordered_json;

constexpr std::string_view work_keys[] = {
    "samples", "seconds", "samples_per_second", "peak_resident_bytes", "threads", "kernel"};
constexpr std::size_t shown_values = 8;  // of a vector in a table

// Nodes give all numbers as floats: these are counts, and whole in JSON too.
constexpr std::string_view count_keys[] = {
    "parameters",        "active_units", "dead_units",  "classes",           "class_counts",
    "confusion",         "flagged",      "anomalies",   "reference_samples", "calibration_samples",
    "train_samples",     "test_samples", "series_rows", "code_size",         "pca_size",
    "neighbours",        "splits",       "pictures",    "used_entries",      "codebook_entries",
    "mixture_iterations"};
constexpr double most_exact = 9007199254740992;  // 2^53

bool is_work(std::string_view key) {
    return std::find(std::begin(work_keys), std::end(work_keys), key) != std::end(work_keys);
}

// JSON has no NaN: null says that there is no number.
ordered_json json_number(double value, bool count = false) {
    if (count && std::abs(value) <= most_exact && value == std::floor(value))
        return static_cast<std::int64_t>(value);
    return std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
}

ordered_json json_value(std::string_view key, const Results::Item& item) {
    const bool count =
        std::find(std::begin(count_keys), std::end(count_keys), key) != std::end(count_keys);
    return std::visit(
        [count](const auto& value) -> ordered_json {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, double>) {
                return json_number(value, count);
            } else if constexpr (std::is_same_v<T, std::vector<double>>) {
                ordered_json list = ordered_json::array();
                for (const double v : value) list.push_back(json_number(v, count));
                return list;
            } else {
                return value;
            }
        },
        item);
}

std::string text_value(const Results::Item& item) {
    return std::visit(
        [](const auto& value) -> std::string {
            using T = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<T, double>) {
                return fmt::format("{:.6g}", value);
            } else if constexpr (std::is_same_v<T, std::vector<double>>) {
                std::string text;
                for (std::size_t i = 0; i < std::min(value.size(), shown_values); ++i)
                    text += fmt::format("{}{:.4g}", i == 0 ? "" : " ", value[i]);
                return value.size() > shown_values ? text + fmt::format(" ... ({})", value.size())
                                                   : text;
            } else if constexpr (std::is_same_v<T, bool>) {
                return value ? "yes" : "no";
            } else if constexpr (std::is_same_v<T, std::string>) {
                return value;
            } else {
                return std::to_string(value);
            }
        },
        item);
}

std::string dump(const ordered_json& values) {
    return values.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

void Results::add(std::string key, Item value) {
    if (!has(key)) items_.emplace_back(std::move(key), std::move(value));
}

bool Results::has(std::string_view key) const {
    return std::any_of(items_.begin(), items_.end(),
                       [&](const auto& item) { return item.first == key; });
}

void Results::add_work(std::uint64_t samples, double seconds, std::size_t threads) {
    add("samples", static_cast<std::int64_t>(samples));
    add("seconds", seconds);
    add("samples_per_second", seconds > 0 ? static_cast<double>(samples) / seconds : 0.0);
    add("peak_resident_bytes", static_cast<std::int64_t>(peak_resident_bytes()));
    add("threads", static_cast<std::int64_t>(threads));
    add("kernel", std::string(simd::kernels().name));
}

std::string Results::json() const {
    ordered_json out = ordered_json::object();
    for (const auto& [key, value] : items_) out[key] = json_value(key, value);
    return dump(out);
}

std::string Results::table() const {
    std::size_t width = 12;
    for (const auto& [key, value] : items_)
        if (!is_work(key)) width = std::max(width, key.size());
    std::string text;
    for (const auto& [key, value] : items_)
        if (!is_work(key)) text += fmt::format("{:<{}}  {}\n", key, width, text_value(value));
    if (!has("seconds")) return text;
    const auto number = [&](std::string_view key) {
        for (const auto& [name, value] : items_) {
            if (name != key) continue;
            if (const auto* real = std::get_if<double>(&value)) return *real;
            if (const auto* whole = std::get_if<std::int64_t>(&value))
                return static_cast<double>(*whole);
        }
        return 0.0;
    };
    return text + fmt::format(
                      "{:<{}}  {:.0f} samples in {} ({} samples/s, {:.0f} thread{}, {}, peak {})\n",
                      "work", width, number("samples"), duration_text(number("seconds")),
                      count_text(number("samples_per_second")), number("threads"),
                      number("threads") == 1 ? "" : "s", simd::kernels().name,
                      bytes_text(number("peak_resident_bytes")));
}

void print_results(const Common& common, const Results& results, ResultsAre kind) {
    if (common.json)
        fmt::print("{}", results.json());
    else if (kind == ResultsAre::data)
        fmt::print("{}", results.table());
    else if (common.quiet)
        return;
    else if (logs_json())
        log_line("info", {{"event", "results"}, {"results", ordered_json::parse(results.json())}});
    else
        talk(results.table());
}

std::uint64_t peak_resident_bytes() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts kibibytes
}

std::string stats_json(const Common& common, const std::string& verb, const flow::Result& result,
                       const std::string& pipeline) {
    ordered_json out;
    out["verb"] = verb;
    out["narrows"] = version;
    out["samples"] = result.samples;
    out["seconds"] = result.seconds;
    out["steps"] = result.steps;
    out["epochs"] = result.epochs;
    out["stopped"] = result.stopped;
    out["peak_resident_bytes"] = peak_resident_bytes();
    out["settings"] = {{"threads", result.threads},
                       {"kernel", simd::kernels().name},
                       {"memory_bound", result.memory_bound},
                       {"resume", common.resume},
                       {"plugin_folders", common.plugin_folders}};
    ordered_json nodes = ordered_json::array();
    for (const flow::NodeStatistics& node : result.nodes)
        nodes.push_back({{"id", node.id},
                         {"type", node.type},
                         {"packets", node.packets},
                         {"samples", node.samples},
                         {"seconds", node.seconds},
                         {"waiting_share", json_number(node.waiting_share)}});
    out["nodes"] = nodes;
    ordered_json history = ordered_json::array();
    for (const std::vector<double>& row : result.history) {
        ordered_json epoch = ordered_json::object();
        for (std::size_t i = 0; i < std::min(row.size(), result.history_names.size()); ++i) {
            const std::string& name = result.history_names[i];  // "NAME[2]": one of a list
            if (name.ends_with(']'))
                epoch[name.substr(0, name.rfind('['))].push_back(json_number(row[i]));
            else
                epoch[name] = json_number(row[i]);
        }
        history.push_back(std::move(epoch));
    }
    out["history"] = history;
    out["pipeline"] = pipeline;
    return dump(out);
}

}  // namespace narrows::tools
