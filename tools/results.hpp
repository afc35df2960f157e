// Results of a verb: an aligned table for people, or one JSON object. Keys keep the order in which
// they were added.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "pipeline/flow/run.hpp"
#include "tools/options.hpp"

namespace narrows::tools {

class Results {
public:
    using Item = std::variant<double, std::int64_t, bool, std::string, std::vector<double>>;
    void add(std::string key, Item value);  // a key that is there already keeps its first value
    bool has(std::string_view key) const;
    // `seconds` and what every working verb gives.
    void add_work(std::uint64_t samples, double seconds, std::size_t threads);
    std::string json() const;
    std::string table() const;  // without the work's keys: those are its last line

private:
    std::vector<std::pair<std::string, Item>> items_;
};

// JSON on stdout with --json. Else the table: on stdout where results are what was asked for, on
// stderr (unless --quiet) where the file is.
enum class ResultsAre { data, talk };
void print_results(const Common& common, const Results& results, ResultsAre kind);

std::uint64_t peak_resident_bytes();

// --stats FILE.json: node statistics, history, and all that --kernel, --threads and timing decided.
std::string stats_json(const Common& common, const std::string& verb, const flow::Result& result,
                       const std::string& pipeline);

}  // namespace narrows::tools
