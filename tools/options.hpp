// A verb's command line: what it takes, with the options that every verb has. One rule: nothing is
// written before parse() has returned; what does not fit is an Error with a suggestion (exit 2).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pipeline/recipes/recipes.hpp"

namespace narrows::tools {

// The options of DESIGN's section "The command" that mean something on every verb.
struct Common {
    std::int64_t threads = 0;  // 0: what the process may use
    std::int64_t grace = 25;   // seconds after SIGTERM
    std::optional<std::uint64_t> seed;
    std::vector<std::string> sets, plugin_folders;
    std::string kernel = "auto", stats, metrics, log = "text";
    bool json = false, quiet = false, verbose = false;
    bool dry_run = false, print_pipeline = false, no_clobber = false, resume = false, trust = false;
};

// --help and --version end a verb before it starts.
struct Finished {
    std::string text;  // for stdout
};

// One option or argument of a verb as its own code declares it: what manual pages and completion
// are made of.
struct OptionInfo {
    std::vector<std::string> names;    // "-m", "--model"; an argument: "DATA"
    std::string value;                 // "N", "TEXT"; empty: a flag, or an argument
    std::string doc, group;            // group: "Arguments", "Options", "Data" or "Everywhere"
    std::vector<std::string> choices;  // known values; others may be allowed too
    bool argument = false, flag = false, required = false;
};

struct Verb;

class CommandLine {
public:
    CommandLine(const Verb& verb, std::vector<std::string> arguments);
    ~CommandLine();

    // `name`: "-m,--model". The value stays as it is unless the option is given.
    void option(const std::string& name, std::string& value, const std::string& doc);
    void option(const std::string& name, std::vector<std::string>& value, const std::string& doc);
    void option(const std::string& name, std::int64_t& value, const std::string& doc);
    void option(const std::string& name, std::optional<std::int64_t>& value,
                const std::string& doc);
    void option(const std::string& name, std::optional<double>& value, const std::string& doc);
    void flag(const std::string& name, bool& value, const std::string& doc);
    void choice(const std::string& name, std::string& value, std::vector<std::string> known,
                const std::string& doc);
    void positional(const std::string& name, std::string& value, const std::string& doc,
                    bool required = true);
    void positionals(const std::string& name, std::vector<std::string>& values,
                     const std::string& doc);
    void optional_positionals(const std::string& name, std::vector<std::string>& values,
                              const std::string& doc);
    void level_option(const std::string& name, int& level, const std::string& doc);
    void require(const std::string& name);  // an option that must be given: "--model"
    // Values that completion offers, beside any other: "--model" or an argument's name.
    void offer(const std::string& name, std::vector<std::string> values);
    // DATA and all that goes with it; `slot` outlives parse().
    void data(recipes::Source& source, bool several = true);
    // The same, as an option that may be left out: "--data".
    void data_option(const std::string& name, recipes::Source& source, const std::string& doc);

    // Throws Error{Fault::usage} or Finished.
    void parse();
    const Common& common() const { return common_; }
    const Verb& verb() const { return verb_; }

private:
    friend std::vector<OptionInfo> options_of(const Verb& verb);
    void data_details(recipes::Source& source);

    struct Impl;
    std::unique_ptr<Impl> impl_;
    const Verb& verb_;
    Common common_;
};

// What the verb declares before it parses; runs nothing of it.
std::vector<OptionInfo> options_of(const Verb& verb);

// "512,256" or "none"; throws Error{Fault::usage}.
std::vector<std::int64_t> parse_widths(const std::string& option, const std::string& text);

// Options that take a value and may stand before the verb.
std::span<const std::string_view> common_value_options();

}  // namespace narrows::tools
