// The README's commands as they are printed there, with what they are said to print.
#include <regex>
#include <sstream>

#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

std::string slurp_readme() {
    Folder folder;
    return folder.shell("cat '" NARROWS_SOURCE_DIR "/README.md'").out;
}

// A command in a fenced block, and the lines below it.
struct Printed {
    std::string command;
    std::vector<std::string> lines;
};

std::vector<Printed> printed_commands(const std::string& text) {
    std::vector<Printed> out;
    bool fenced = false, below = false;  // a command of the same block
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("```")) {
            fenced = !fenced;
            below = false;
            continue;
        }
        if (!fenced) continue;
        if (line.starts_with("$ ")) {
            out.push_back({line.substr(2), {}});
            below = true;
        } else if (below && !line.empty())
            out.back().lines.push_back(line);
    }
    return out;
}

// Code spans between backticks.
std::vector<std::string> spans(const std::string& text) {
    std::vector<std::string> out;
    const std::regex span("`([^`\n]+)`");
    for (auto at = std::sregex_iterator(text.begin(), text.end(), span);
         at != std::sregex_iterator(); ++at)
        out.push_back((*at)[1]);
    return out;
}

}  // namespace

TEST_CASE("the README's first run goes as it is printed", "[tools][readme]") {
    const std::vector<Printed> all = printed_commands(slurp_readme());
    REQUIRE(all.size() >= 5);
    Folder folder;
    for (const Printed& one : all) {
        const Outcome outcome = folder.shell(one.command);
        INFO(one.command << "\n" << outcome.out << outcome.err);
        REQUIRE(outcome.code == 0);
        const std::string said = outcome.out + outcome.err;
        for (const std::string& line : one.lines) {
            // Time and memory are the machine's own: the line's name must be there.
            const bool own = line.starts_with("work") || line.starts_with("memory bound");
            INFO("printed in the README: " << line);
            CHECK(said.find(own ? line.substr(0, line.find(' ')) : line) != std::string::npos);
        }
    }
    const std::string info = folder.must("info codes.h5").out;
    CHECK(info.find("[4000, 32]") != std::string::npos);
}

TEST_CASE("every preset's options in the README's table make a pipeline", "[tools][readme]") {
    const std::string text = slurp_readme();
    const std::size_t first = text.find("| kind | command: `narrows train mnist --model ...`");
    REQUIRE(first != std::string::npos);
    std::istringstream rows(text.substr(first, text.find("\n\n", first) - first));
    Folder folder;
    folder.must("generate digits -n 1500 -o mnist.h5 -q");
    int commands = 0;
    std::string row;
    std::getline(rows, row);
    std::getline(rows, row);
    while (std::getline(rows, row)) {
        const std::size_t cell = row.find('|', 1), end = row.find('|', cell + 1);
        for (const std::string& options : spans(row.substr(cell, end - cell))) {
            const std::string preset = options.substr(0, options.find(' '));
            if (!std::regex_match(preset, std::regex("[a-z][a-z-]+")) || preset == "evaluate" ||
                preset == "probe" || preset == "classify")
                continue;  // the beginning of another command, or options alone
            INFO(row);
            folder.must("train mnist.h5 --model " + options + " -q -o m.h5 --dry-run");
            ++commands;
        }
    }
    CHECK(commands >= 12);
    CHECK_FALSE(folder.has("m.h5"));
}

TEST_CASE("commands inside the README's sentences run as they stand", "[tools][readme]") {
    Folder folder;
    folder.must("generate waves -n 400 -o F.h5 -q");
    int commands = 0;
    for (const std::string& span : spans(slurp_readme())) {
        if (!span.starts_with("narrows ") || span.find(" -o ") == std::string::npos ||
            span.find_first_of("[|<") != std::string::npos || span.find("...") != std::string::npos)
            continue;
        INFO(span);
        CHECK(folder.shell(span).code == 0);
        ++commands;
    }
    CHECK(commands >= 1);
}
