// Golden texts: each file of tests/cases/tools holds commands with the exit code and the whole of
// stderr that they must give. None of them may leave a file behind.
//
//   $ narrows tran x.h5
//   2
//   narrows: error: no verb "tran"
//       = did you mean "train"?
//
// Commands end at an empty line. DATA.csv (two rows) and MODEL.h5 (no model) are in the folder.
#include <fstream>
#include <sstream>

#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

namespace {

struct Case {
    std::string command, expected;
    int code = 0;
};

std::vector<Case> cases_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::vector<Case> cases;
    std::string line;
    while (std::getline(in, line)) {
        if (line.empty()) continue;
        REQUIRE(line.starts_with("$ narrows"));
        Case one;
        one.command = line.substr(9);
        REQUIRE(std::getline(in, line));
        one.code = std::stoi(line);
        while (std::getline(in, line) && !line.empty()) one.expected += line + "\n";
        cases.push_back(one);
    }
    return cases;
}

}  // namespace

TEST_CASE("wrong command lines give the golden text and exit code, and write nothing", "[tools]") {
    for (const auto& entry :
         std::filesystem::directory_iterator(NARROWS_SOURCE_DIR "/tests/cases/tools")) {
        if (entry.path().extension() != ".txt") continue;
        for (const Case& one : cases_of(entry.path())) {
            Folder folder;
            folder.write("DATA.csv", "a,b,c\n1,2,3\n4,5,6\n");
            folder.write("MODEL.h5", "no model");
            const auto before = folder.names();

            const Outcome outcome = folder.narrows(one.command);

            INFO(entry.path().filename() << ": narrows" << one.command);
            CHECK(outcome.err == one.expected);
            CHECK(outcome.code == one.code);
            CHECK(outcome.out.empty());
            CHECK(folder.names() == before);
        }
    }
}

TEST_CASE("with --json an error is one object on stdout", "[tools]") {
    Folder folder;
    const Outcome outcome = folder.narrows("train nothing.h5 --model deep -o m.h5 --json");
    CHECK(outcome.code == 4);
    const auto error = outcome.json().at("error");
    CHECK(error.at("kind") == "input");
    CHECK(error.at("exit_code") == 4);
    CHECK(error.at("message").get<std::string>().find("nothing.h5") != std::string::npos);
}

TEST_CASE("help and version go to stdout with exit code 0", "[tools]") {
    Folder folder;
    for (const char* words :
         {"--help", "--version", "train --help", "help encode", "nodes --version"}) {
        const Outcome outcome = folder.must(words);
        CHECK(!outcome.out.empty());
        CHECK(outcome.err.empty());
    }
    const std::string help = folder.must("train --help").out;
    for (const char* part : {"--latent", "--corruption", "--threads", "Example:"})
        CHECK(help.find(part) != std::string::npos);
}
