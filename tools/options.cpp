#include "tools/options.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <map>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "pipeline/flow/loop.hpp"
#include "pipeline/language/language.hpp"
#include "pipeline/program/formats.hpp"
#include "pipeline/storage/array_file.hpp"
#include "tools/did_you_mean.hpp"
#include "tools/json_log.hpp"
#include "tools/option_values.hpp"
#include "tools/stop.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

constexpr std::string_view value_options[] = {"--threads", "--seed",  "--set",
                                              "--kernel",  "--stats", "--metrics",
                                              "--log",     "--grace", "--plugin-path"};

struct SomeVerbs {
    const char* name;
    Takes takes;
};
constexpr SomeVerbs of_some_verbs[] = {
    {"--set", takes_set},
    {"--print-pipeline", takes_print_pipeline},
    {"--dry-run", takes_dry_run},
    {"--no-clobber", takes_no_clobber},
    {"--resume", takes_resume},
    {"--seed", takes_seed},
    {"--threads", takes_speed},
    {"--kernel", takes_speed},
    {"--plugin-path", takes_plugins},
    {"--trust", takes_trust},
    {"--grace", takes_grace},
    {"--stats", takes_stats},
    {"--metrics", takes_metrics},
};

// Help in the house's layout: usage, what it does, options, an example.
class Layout final : public CLI::Formatter {
public:
    explicit Layout(const Verb& verb) : verb_(verb) { column_width(26); }
    std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
        std::string text = fmt::format("narrows {} {}{}[options]\n{}\n", verb_.name, verb_.usage,
                                       verb_.usage.empty() ? "" : " ", verb_.summary);
        text += group(app, "", "Arguments") + group(app, "Options", "Options") +
                group(app, "Data", "Data") + group(app, "Everywhere", "Everywhere");
        return text + fmt::format("\nExample:\n  {}\n", verb_.example);
    }
    std::string make_option_opts(const CLI::Option* option) const override {
        return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
    }

private:
    // An empty group: the positionals.
    std::string group(const CLI::App* app, const std::string& name,
                      const std::string& title) const {
        const auto options = app->get_options([&](const CLI::Option* option) {
            return name.empty() ? option->get_positional()
                                : option->nonpositional() && option->get_group() == name;
        });
        if (options.empty()) return {};
        std::string text = "\n" + title + ":\n";
        for (const CLI::Option* option : options) text += make_option(option, name.empty());
        return text;
    }
    const Verb& verb_;
};

constexpr auto least = std::numeric_limits<std::int64_t>::min(),
               most = std::numeric_limits<std::int64_t>::max();

// CLI11's own Range would write its bounds into the help, and alone it takes a number that does not
// fit for the largest one.
CLI::Validator between(std::int64_t low, std::int64_t high = most) {
    return CLI::Validator(
        [low, high](const std::string& text) { return why_no_whole_number(text, low, high); }, "",
        "");
}
CLI::Validator whole() {
    return between(least);
}

}  // namespace

std::span<const std::string_view> common_value_options() {
    return value_options;
}

// Thrown by parse() where a verb is only asked what it takes.
struct Described {};

struct CommandLine::Impl {
    CLI::App app;
    bool describe = false;
    std::map<const CLI::Option*, std::vector<std::string>> choices;
    std::vector<std::string> arguments;
    std::vector<std::pair<CLI::Option*, std::string>> required;
    std::string shape_text;
    recipes::Source* source = nullptr;
    bool version = false;

    template <class T>
    CLI::Option* add(const std::string& name, T& value, const std::string& doc, const char* type) {
        return app.add_option(name, value, doc)->type_name(type);
    }
    std::vector<std::string> option_names() const {
        std::vector<std::string> names;
        for (const CLI::Option* option : app.get_options())
            for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
        return names;
    }
    void refuse_twice(const Verb& verb) const {
        for (const CLI::Option* option : app.get_options())
            if (!option->get_lnames().empty() && option->get_items_expected_max() == 1 &&
                option->get_expected_max() == 1 && option->count() > 1)
                throw Error(Fault::usage,
                            fmt::format("{}: option \"--{}\" is given twice", verb.name,
                                        option->get_lnames().front()),
                            "leave out one of them");
    }
    [[noreturn]] void unexpected(const std::string& argument, const Verb& verb) const {
        const std::string name = argument.substr(0, argument.find('='));
        if (name.size() < 2 || name[0] != '-')
            throw Error(Fault::usage,
                        fmt::format("{}: unexpected argument \"{}\"", verb.name, argument),
                        fmt::format("narrows {} {}", verb.name, verb.usage));
        const auto close = language::suggest(name, option_names());
        throw Error(
            Fault::usage, fmt::format("{}: no option \"{}\"", verb.name, name),
            close.empty() ? fmt::format("see narrows {} --help", verb.name) : did_you_mean(close));
    }
};

CommandLine::CommandLine(const Verb& verb, std::vector<std::string> arguments)
    : impl_(std::make_unique<Impl>()), verb_(verb) {
    impl_->arguments = std::move(arguments);
    CLI::App& app = impl_->app;
    app.formatter(std::make_shared<Layout>(verb));
    app.allow_extras();
    app.set_help_flag("-h,--help", "show this")->group("Everywhere");
    const auto common = [](CLI::Option* option) { option->group("Everywhere"); };
    common(impl_->add("--threads", common_.threads, "threads to use (also NARROWS_THREADS)", "N")
               ->check(between(1, 4096)));
    common(impl_->add("--seed", common_.seed, "seed of all randomness (1)", "N")
               ->check(between(0)));  // what a pipeline's text holds
    common(impl_->add("--set", common_.sets, "change one key of the pipeline", "PATH=VALUE")
               ->allow_extra_args(false));
    common(impl_->add("--kernel", common_.kernel,
                      "auto, portable, avx2, avx512 or neon (also NARROWS_KERNEL)", "NAME"));
    offer("--kernel", {"auto", "portable", "avx2", "avx512", "neon"});
    common(impl_->add("--stats", common_.stats, "statistics and run-time settings", "FILE.json"));
    common(impl_->add("--metrics", common_.metrics,
                      "how the run goes, in Prometheus' text form, every second", "FILE"));
    choice("--log", common_.log, {"text", "json"}, "talk on stderr as text or as JSON lines");
    common(impl_->app.get_option("--log"));
    common(impl_
               ->add("--grace", common_.grace,
                     "seconds that SIGTERM leaves for finishing files (25)", "N")
               ->check(between(1, 86400)));
    common(impl_->add("--plugin-path", common_.plugin_folders, "one more folder of plugins", "DIR")
               ->allow_extra_args(false));
    common(app.add_flag("--print-pipeline", common_.print_pipeline,
                        "show the pipeline that this stands for, and stop"));
    common(app.add_flag("--dry-run", common_.dry_run, "open and check everything, run nothing"));
    common(app.add_flag("--no-clobber", common_.no_clobber, "refuse to replace an output"));
    common(app.add_flag("--resume", common_.resume, "go on where a stopped run left off"));
    common(app.add_flag("--trust", common_.trust,
                        "let HDF5 read files of others in this process, with any filter"));
    common(app.add_flag("--json", common_.json, "results as one JSON object on stdout"));
    common(app.add_flag("-q,--quiet", common_.quiet, "no talk on stderr"));
    common(app.add_flag("-v,--verbose", common_.verbose, "more talk on stderr"));
    common(app.add_flag("--version", impl_->version, "print the version"));
    // Parsed all the same, to be refused by name.
    for (const SomeVerbs& option : of_some_verbs)
        if ((verb.takes & option.takes) == 0) app.get_option(option.name)->group("");
}

CommandLine::~CommandLine() = default;

void CommandLine::option(const std::string& name, std::string& value, const std::string& doc) {
    impl_->add(name, value, doc, "TEXT");
}
void CommandLine::option(const std::string& name, std::vector<std::string>& value,
                         const std::string& doc) {
    impl_->add(name, value, doc, "TEXT")->allow_extra_args(false);  // one a time, again for more
}
void CommandLine::option(const std::string& name, std::int64_t& value, const std::string& doc) {
    impl_->add(name, value, doc, "N")->check(whole());
}
void CommandLine::option(const std::string& name, std::optional<std::int64_t>& value,
                         const std::string& doc) {
    impl_->add(name, value, doc, "N")->check(whole());
}
void CommandLine::option(const std::string& name, std::optional<double>& value,
                         const std::string& doc) {
    impl_->add(name, value, doc, "X");
}
void CommandLine::flag(const std::string& name, bool& value, const std::string& doc) {
    impl_->app.add_flag(name, value, doc);
}
void CommandLine::choice(const std::string& name, std::string& value,
                         std::vector<std::string> known, const std::string& doc) {
    CLI::Option* option = impl_->add(name, value, doc, "NAME");
    impl_->choices[option] = known;
    option->check(CLI::Validator(
        [known, name](const std::string& text) -> std::string {
            if (std::find(known.begin(), known.end(), text) != known.end()) return {};
            const auto close = language::suggest(text, known);
            std::string list;
            for (const std::string& k : known) list += (list.empty() ? "" : ", ") + k;
            return fmt::format("\"{}\" is none of {}{}", text, list,
                               close.empty() ? "" : "; " + did_you_mean(close));
        },
        "", ""));
}
void CommandLine::positional(const std::string& name, std::string& value, const std::string& doc,
                             bool required) {
    CLI::Option* option = impl_->add(name, value, doc, "");
    if (required) impl_->required.emplace_back(option, name);
}
void CommandLine::positionals(const std::string& name, std::vector<std::string>& values,
                              const std::string& doc) {
    impl_->required.emplace_back(impl_->add(name, values, doc, ""), name);
}
void CommandLine::optional_positionals(const std::string& name, std::vector<std::string>& values,
                                       const std::string& doc) {
    impl_->add(name, values, doc, "");
}
void CommandLine::level_option(const std::string& name, int& level, const std::string& doc) {
    impl_->add(name, level, doc, "N")->check(between(0, 9));
}
void CommandLine::require(const std::string& name) {
    impl_->required.emplace_back(impl_->app.get_option(name), name);
}

void CommandLine::offer(const std::string& name, std::vector<std::string> values) {
    impl_->choices[impl_->app.get_option(name)] = std::move(values);
}

void CommandLine::data(recipes::Source& source, bool several) {
    CLI::Option* data = impl_->add("DATA", source.data, "FILE[:/dataset][@first:last]", "");
    if (!several) data->expected(1);
    impl_->required.emplace_back(data, "DATA");
    data_details(source);
}

void CommandLine::data_option(const std::string& name, recipes::Source& source,
                              const std::string& doc) {
    impl_->add(name, source.data, doc, "DATA")->allow_extra_args(false);
    data_details(source);
}

void CommandLine::data_details(recipes::Source& source) {
    impl_->source = &source;
    const auto group = [](CLI::Option* option) { option->group("Data"); };
    group(impl_->add("--format", source.format,
                     "read as: hdf5, idx, npy, csv, raw, ..., or a plugin's", "NAME"));
    group(impl_->add("--shape", impl_->shape_text, "raw binary: shape of a sample", "N,N"));
    group(impl_->add("--type", source.sample_type, "raw binary: type of a value, f32", "TYPE"));
    group(impl_->add("--label-column", source.label_column, "text: column of labels",
                     "NAME|INDEX|none"));
    group(impl_->add("--columns", source.columns, "text: columns to read, a,b,3-7", "LIST"));
    group(impl_->add("--window", source.window, "cut long series into samples of N", "N")
              ->check(between(1)));
    group(impl_->add("--stride", source.stride, "from one window to the next", "N")
              ->check(between(1)));
    group(impl_->add("--ply", source.ply, "PGN: position after N half-moves (40)", "N")
              ->check(between(0, 10000)));
    choice("--on-bad-row", source.on_bad_row, {"stop", "skip", "mask"},
           "NaN or Inf: stop, skip rows, mask values");
    group(impl_->app.get_option("--on-bad-row"));
}

void CommandLine::parse() {
    if (impl_->describe) throw Described{};
    common_.threads = threads_from_environment();
    if (const char* kernel = std::getenv("NARROWS_KERNEL"); kernel != nullptr && *kernel != 0)
        common_.kernel = kernel;
    std::vector<std::string> reversed(impl_->arguments.rbegin(), impl_->arguments.rend());
    // CLI11's messages start with the option's name, and so do these.
    try {
        impl_->app.parse(std::move(reversed));
    } catch (const CLI::CallForHelp&) {
        throw Finished{impl_->app.help()};
    } catch (const CLI::ParseError& error) {
        impl_->refuse_twice(verb_);
        throw Error(Fault::usage, fmt::format("{}: {}", verb_.name, error.what()),
                    fmt::format("see narrows {} --help", verb_.name));
    }
    storage::trust_files(common_.trust);
    storage::set_loop(flow::loop_of_process(static_cast<std::size_t>(common_.threads)));
    program::offer_formats(common_.plugin_folders);
    log_as_json(common_.log == "json");
    set_grace(static_cast<unsigned>(common_.grace));
    if (impl_->version) throw Finished{fmt::format("narrows {}\n", version)};
    const std::vector<std::string> extras = impl_->app.remaining();
    for (const std::string& extra : extras)  // a misspelt option explains the rest
        if (extra.size() > 1 && extra[0] == '-') impl_->unexpected(extra, verb_);
    if (!extras.empty()) impl_->unexpected(extras.front(), verb_);
    for (const auto& [option, name] : impl_->required)
        if (option->count() == 0)
            throw Error(Fault::usage, fmt::format("{}: {} is missing", verb_.name, name),
                        fmt::format("narrows {} {}", verb_.name, verb_.usage));
    for (const SomeVerbs& option : of_some_verbs)
        if ((verb_.takes & option.takes) == 0 && impl_->app.count(option.name) > 0)
            throw Error(Fault::usage, fmt::format("{} does not take {}", verb_.name, option.name),
                        fmt::format("it means nothing there: see narrows {} --help", verb_.name));
    for (const std::string& folder : common_.plugin_folders)
        if (std::error_code ignored; !std::filesystem::is_directory(folder, ignored))
            throw Error(Fault::usage,
                        fmt::format("--plugin-path {}: there is no such folder", folder),
                        "name the folder that holds the plugin's library");
    if (impl_->source == nullptr) return;
    if (!impl_->shape_text.empty())
        impl_->source->shape = parse_widths("--shape", impl_->shape_text);
    check_source(*impl_->source, impl_->app.count("--stride") > 0);
}

std::vector<OptionInfo> options_of(const Verb& verb) {
    CommandLine line(verb, {});
    line.impl_->describe = true;
    try {
        verb.run(line);
        throw Error(Fault::run,
                    fmt::format("verb {} ran instead of saying what it takes", verb.name));
    } catch (const Described&) {
    }
    std::vector<OptionInfo> out;
    for (const CLI::Option* option : line.impl_->app.get_options()) {
        OptionInfo info;
        info.argument = option->get_positional();
        if (!info.argument && option->get_group().empty()) continue;
        if (info.argument) info.names.push_back(option->get_name(true));
        for (const std::string& name : option->get_snames()) info.names.push_back("-" + name);
        for (const std::string& name : option->get_lnames()) info.names.push_back("--" + name);
        info.flag = option->get_items_expected_max() == 0;
        if (!info.argument && !info.flag) info.value = option->get_type_name();
        info.doc = option->get_description();
        info.group = info.argument ? "Arguments" : option->get_group();
        if (const auto known = line.impl_->choices.find(option); known != line.impl_->choices.end())
            info.choices = known->second;
        info.required = std::any_of(line.impl_->required.begin(), line.impl_->required.end(),
                                    [&](const auto& entry) { return entry.first == option; });
        out.push_back(std::move(info));
    }
    return out;
}

}  // namespace narrows::tools
