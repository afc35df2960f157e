// Manual pages in roff, from what each verb declares: nothing here repeats an option's text.
#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include <fmt/format.h>

#include "pipeline/language/language.hpp"
#include "pipeline/storage/atomic_file.hpp"
#include "tools/console.hpp"
#include "tools/did_you_mean.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

// Text that roff shows as it stands; `dashes`: minus signs to type, not hyphens.
std::string roff(std::string_view text, bool dashes = false) {
    std::string out;
    for (const char c : text) {
        if (out.empty() && (c == '.' || c == '\'')) out += "\\&";
        if (c == '\\')
            out += "\\e";
        else if (c == '-' && dashes)
            out += "\\-";
        else if (c == '\'')
            out += "\\(aq";
        else if (c == '^')
            out += "\\(ha";
        else if (c == '~')
            out += "\\(ti";
        else if (c == '`')
            out += "\\(ga";
        else
            out += c;
    }
    return out;
}

std::string page_name(const Verb& verb) {
    std::string name = fmt::format("narrows-{}", verb.name);
    std::replace(name.begin(), name.end(), ' ', '-');
    return name;
}

// The day that SOURCE_DATE_EPOCH names, so that the same source gives the same page; else none.
std::string date() {
    const char* text = std::getenv("SOURCE_DATE_EPOCH");
    if (text == nullptr || *text == 0) return {};
    char* end = nullptr;
    const std::time_t seconds = std::strtoll(text, &end, 10);
    std::tm day{};
    if (*end != 0 || gmtime_r(&seconds, &day) == nullptr)
        throw Error(Fault::usage,
                    fmt::format("SOURCE_DATE_EPOCH is \"{}\", not a number of seconds", text));
    return fmt::format("{:04}-{:02}-{:02}", day.tm_year + 1900, day.tm_mon + 1, day.tm_mday);
}

std::string heading(std::string name) {
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return fmt::format(".TH \"{}\" 1 \"{}\" \"narrows {}\" \"narrows\"\n", name, date(), version);
}

std::string item(const OptionInfo& option) {
    std::string text = ".TP\n";
    for (std::size_t i = 0; i < option.names.size(); ++i)
        text += fmt::format("{}\\fB{}\\fR", i == 0 ? "" : ", ", roff(option.names[i], true));
    if (!option.value.empty()) text += fmt::format(" \\fI{}\\fR", roff(option.value, true));
    text += "\n" + roff(option.doc);
    if (option.required) text += " (required)";
    return text + "\n";
}

std::string options_text(const Verb& verb) {
    const std::vector<OptionInfo> options = options_of(verb);
    std::string text;
    for (const std::string_view group : {"Arguments", "Options", "Data", "Everywhere"}) {
        std::string items;
        for (const OptionInfo& option : options)
            if (option.group == group) items += item(option);
        if (items.empty()) continue;
        const std::string_view title = group == "Arguments" ? "ARGUMENTS"
                                       : group == "Options" ? "OPTIONS"
                                       : group == "Data"    ? "HOW DATA IS READ"
                                                            : "OPTIONS THAT VERBS SHARE";
        text += fmt::format(".SH {}\n{}", title, items);
    }
    return text;
}

constexpr std::string_view exit_status = R"(.SH EXIT STATUS
.TP
.B 0
done
.TP
.B 1
the run failed; also a bound or threshold that was missed, a full disk, a loss that is not finite
.TP
.B 2
command line or pipeline wrong, output not writable
.TP
.B 3
plugin refused
.TP
.B 4
input missing, damaged or refused
.TP
.BR 130 ", " 143
stopped by Ctrl-C or SIGTERM after finishing its files; a second signal stops at once
)";

std::string example(std::string_view text) {
    return fmt::format(".SH EXAMPLE\n.nf\n{}\n.fi\n", roff(text, true));
}

std::string page(const Verb& verb) {
    const std::string name = page_name(verb);
    std::string text = heading(name);
    text += fmt::format(".SH NAME\n{} \\- {}\n", roff(name, true), roff(verb.summary));
    text += fmt::format(".SH SYNOPSIS\n\\fBnarrows {}\\fR {}{}[\\fIoptions\\fR]\n", verb.name,
                        roff(verb.usage, true), verb.usage.empty() ? "" : " ");
    text += options_text(verb);
    return text + example(verb.example) + std::string(exit_status) +
           ".SH SEE ALSO\n.BR narrows (1)\n";
}

std::string overview_page() {
    std::string text = heading("narrows");
    text += R"(.SH NAME
narrows \- autoencoders as dataflow over HDF5, on CPUs
.SH SYNOPSIS
\fBnarrows\fR \fIVERB\fR ... [\fIoptions\fR]
.SH DESCRIPTION
narrows trains, runs and checks autoencoders on HDF5 data that need not fit in memory, without a
GPU. The same data, pipeline and seed give the same bits on every thread count and kernel level. An
output appears under its name only when it is whole. Results go to standard output, talk to standard
error; \fB\-\-json\fR makes one JSON object of the results, errors included.
.SH VERBS
)";
    for (const Verb& verb : verbs())
        text +=
            fmt::format(".TP\n\\fB{}\\fR {}\n{}; see\n.BR {} (1)\n", verb.name,
                        roff(verb.usage, true), roff(verb.summary), roff(page_name(verb), true));
    text += R"(.SH DATA
\fIFILE\fR[\fB:\fR\fI/dataset\fR][\fB@\fR\fIfirst\fR\fB:\fR\fIlast\fR]: HDF5 and netCDF\-4, IDX, NPY,
CSV and other delimited text, raw numbers, .ts, a folder of PNG pictures, chess games; gzipped too.
Rows count from zero, the last is excluded, either end may be left out.
)";
    text += exit_status;
    text += R"(.SH ENVIRONMENT
.TP
.B NARROWS_THREADS
threads to use, where \fB\-\-threads\fR is not given
.TP
.B NARROWS_KERNEL
instruction level of the kernels, where \fB\-\-kernel\fR is not given
.TP
.B NARROWS_PLUGIN_PATH
folders of further plugins, separated by colons
.TP
.B NARROWS_MODEL_PATH
where models of compressed files are looked for, separated by colons: compressed files, and folders of
models named by their SHA\-256
.TP
.B NO_COLOR
no colours on a terminal
)";
    std::string also;
    for (const Verb& verb : verbs())
        also +=
            fmt::format("{}.BR {} (1)", also.empty() ? "" : " ,\n", roff(page_name(verb), true));
    return text +
           example(
               "narrows generate digits -n 20000 -o digits.h5\n"
               "narrows train digits.h5 --model undercomplete -o model.h5\n"
               "narrows encode digits.h5 -m model.h5 -o codes.h5") +
           ".SH SEE ALSO\n" + also + "\n";
}

void write_all(const Common& common, const std::string& folder) {
    std::vector<std::pair<std::string, std::string>> pages{{"narrows.1", overview_page()}};
    for (const Verb& verb : verbs()) pages.emplace_back(page_name(verb) + ".1", page(verb));
    std::error_code error;
    for (const auto& [name, text] : pages)
        if (const auto file = std::filesystem::path(folder) / name;
            common.no_clobber && std::filesystem::exists(file, error))
            throw Error(
                Fault::usage,
                fmt::format("output \"{}\" exists, and --no-clobber was given", file.string()),
                "remove it, or write to another folder");
    if (common.dry_run)
        return say(common, fmt::format("man: {} pages; nothing was written", pages.size()));
    std::filesystem::create_directories(folder, error);
    if (error)
        throw Error(Fault::usage,
                    fmt::format("output not writable: \"{}\": {}", folder, error.message()));
    for (const auto& [name, text] : pages)
        storage::write_text_atomically(std::filesystem::path(folder) / name, text);
}

}  // namespace

int man(CommandLine& line) {
    std::vector<std::string> words, known;
    for (const Verb& verb : verbs()) known.emplace_back(verb.name);
    std::string folder;
    line.optional_positionals("VERB", words, "a verb; without it narrows itself");
    line.offer("VERB", known);
    line.option("-o,--output", folder, "folder to write the pages of all verbs to");
    line.parse();
    if (!folder.empty()) {
        if (!words.empty()) throw Error(Fault::usage, "man: a verb or --output, not both");
        write_all(line.common(), folder);
        return 0;
    }
    if (words.empty()) {
        fmt::print("{}", overview_page());
        return 0;
    }
    std::string name = words.front();
    for (std::size_t i = 1; i < words.size(); ++i) name += " " + words[i];
    const Verb* verb = find_verb(name);
    if (verb == nullptr) {
        const auto close = language::suggest(name, known);
        throw Error(Fault::usage, fmt::format("no verb \"{}\"", name),
                    close.empty() ? "see narrows --help" : did_you_mean(close));
    }
    fmt::print("{}", page(*verb));
    return 0;
}

}  // namespace narrows::tools
