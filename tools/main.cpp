// narrows VERB ...: finds the verb, runs it, turns errors into text or JSON and an exit code.
#include <cxxabi.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <thread>
#include <typeinfo>

#include <fmt/format.h>

#include "pipeline/language/language.hpp"
#include "pipeline/ranks/ranks.hpp"
#include "tools/console.hpp"
#include "tools/did_you_mean.hpp"
#include "tools/json_log.hpp"
#include "tools/stop.hpp"
#include "tools/streams.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

std::string overview() {
    std::string text = "narrows VERB ...   autoencoders as dataflow over HDF5\n\n";
    for (const Verb& verb : verbs()) text += fmt::format("  {:<17} {}\n", verb.name, verb.summary);
    return text +
           "\nnarrows VERB --help shows a verb's options and an example.\n"
           "Data goes to stdout, talk to stderr. Exit codes: 0 done, 1 failed, 2 wrong command "
           "line\n"
           "or pipeline, 3 plugin refused, 4 input missing or damaged, 130 and 143 stopped.\n";
}

// The first word that is neither an option nor an option's value.
std::size_t verb_place(const std::vector<std::string>& arguments) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word.empty() || word[0] != '-') return i;
        const auto options = common_value_options();
        if (std::find(options.begin(), options.end(), word) != options.end()) ++i;
    }
    return arguments.size();
}

int dispatch(std::vector<std::string> arguments) {
    const std::size_t place = verb_place(arguments);
    if (place == arguments.size()) {
        for (const std::string& word : arguments) {
            if (word == "--version") {
                fmt::print("narrows {}\n", version);
                return 0;
            }
            if (word == "--help" || word == "-h") {
                fmt::print("{}", overview());
                return 0;
            }
        }
        if (!arguments.empty())
            throw Error(Fault::usage, fmt::format("no verb, found only \"{}\"", arguments.front()),
                        "see narrows --help");
        talk(overview());
        return static_cast<int>(Fault::usage);
    }
    std::string name = arguments[place];
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(place));
    // "classify train": a verb of two words.
    if (place < arguments.size() && find_verb(name + " " + arguments[place])) {
        name += " " + arguments[place];
        arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(place));
    }
    if (name == "help") {
        const Verb* verb = arguments.empty() ? nullptr : find_verb(arguments.front());
        if (arguments.size() > 1 && verb == nullptr)
            verb = find_verb(arguments[0] + " " + arguments[1]);
        if (verb == nullptr) {
            fmt::print("{}", overview());
            return 0;
        }
        CommandLine line(*verb, {"--help"});
        return verb->run(line);
    }
    const Verb* verb = find_verb(name);
    if (verb == nullptr) {
        std::vector<std::string> known;
        for (const Verb& v : verbs()) known.emplace_back(v.name);
        auto close = language::suggest(name, known);
        for (const std::string& verb_name : known)
            if (verb_name.starts_with(name + " ")) close.push_back(verb_name);
        throw Error(Fault::usage, fmt::format("no verb \"{}\"", name),
                    close.empty() ? "see narrows --help" : did_you_mean(close));
    }
    CommandLine line(*verb, std::move(arguments));
    return verb->run(line);
}

// Libraries run out of memory in functions that may not throw, and end the process: with a message
// and an exit code like elsewhere. What was being written stays under its temporary name.
[[noreturn]] void end_without_memory() {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    // g++ 12 tells no type where a function that may not throw did.
    const bool unnamed = type == nullptr && std::uncaught_exceptions() > 0;
    if (!unnamed && (type == nullptr || *type != typeid(std::bad_alloc))) std::abort();
    const std::string_view text =
        unnamed ? "narrows: error: a library gave up, most likely out of memory\n"
                : "narrows: error: out of memory\n";
    if (::write(STDERR_FILENO, text.data(), text.size()) < 0) ::_exit(1);
    ::_exit(1);
}

// Under mpirun: one of several processes, of which the first talks.
void join_ranks(std::vector<std::string>& arguments) {
    ranks::start();
    const std::size_t place = verb_place(arguments);
    std::string verb = place < arguments.size() ? arguments[place] : "";
    if (verb == "classify" && place + 1 < arguments.size()) verb += " " + arguments[place + 1];
    if (verb != "train" && verb != "run" && verb != "classify train")
        throw Error(Fault::usage,
                    fmt::format("\"{}\" does not work over ranks: each would do all of it", verb),
                    "over ranks there are train, classify train and run");
    if (ranks::all().first()) return;
    arguments.push_back("--quiet");
    std::erase(arguments, "--json");
    if (std::freopen("/dev/null", "w", stdout) == nullptr) throw Error(Fault::run, "no /dev/null");
}

// What one rank meets ends all. What all meet is said by the first, which the others give time to.
int failed(const Error& error, bool json, bool several) {
    if (!several) return print_error(error, json);
    if (!ranks::all().first()) {
        std::this_thread::sleep_for(std::chrono::seconds(1));
        talk(fmt::format("rank {} failed:\n", ranks::all().rank()));
    }
    const int code = print_error(error, json && ranks::all().first());
    std::fflush(nullptr);
    ranks::abort(code);
}

int run_command(int count, char** words) {
    std::vector<std::string> arguments(words + std::min(count, 1), words + count);
    const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    for (std::size_t i = 0; i < arguments.size(); ++i)  // errors in the command line are logged too
        if (arguments[i] == "--log=json" ||
            (arguments[i] == "json" && i > 0 && arguments[i - 1] == "--log"))
            log_as_json(true);
    const bool several = ranks::launched();
    if (!several) catch_signals();  // ranks stop at once: they could not agree on a last step
    try {
        if (several) join_ranks(arguments);
        const int code = dispatch(std::move(arguments));
        ranks::finish();
        return code;
    } catch (const Finished& finished) {
        put(finished.text);
        ranks::finish();
        return 0;
    } catch (const Error& error) {
        return failed(error, json, several);
    } catch (const std::bad_alloc&) {
        return failed(Error(Fault::run, "out of memory"), json, several);
    } catch (const std::exception& error) {
        if (!several && std::ferror(stdout) != 0) return 0;  // with_output says so
        return failed(Error(Fault::run, error.what()), json, several);
    }
}

}  // namespace

int main(int count, char** words) {
    fill_closed_streams();
    std::set_terminate(end_without_memory);
    return with_output(run_command(count, words));
}

}  // namespace narrows::tools

int main(int count, char** words) {
    return narrows::tools::main(count, words);
}
