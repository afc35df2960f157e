// Standard streams that cannot be written or are closed.
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

TEST_CASE("talk that cannot be written is dropped, and the work goes on", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 200 -o d.h5 -q");
    folder.must("generate fields -n 4 -o f.h5 -q");
    const std::string train = "narrows train d.h5 --model linear --latent 2 --epochs 2 -v ";
    for (const std::string& words :
         {train + "-o m.h5 2>/dev/full", train + "--log json -o m.h5 2>/dev/full",
          std::string("narrows encode d.h5 -m m.h5 -o z.h5 2>&-"),
          std::string("narrows compress f.h5 --rel 1e-3 -o c.h5 2>/dev/full")}) {
        INFO(words);
        CHECK(folder.shell(words).code == 0);
    }
    CHECK(folder.names() == std::vector<std::string>{"c.h5", "d.h5", "f.h5", "m.h5", "z.h5"});
    folder.must("info z.h5 --check");
    CHECK(folder.shell("narrows train d.h5 --model nothing -o n.h5 2>/dev/full").code == 2);
    CHECK(folder.shell("narrows encode d.h5 -m m.h5 -o y.h5 <&- >&- 2>&-").code == 0);
    CHECK(folder.read("y.h5") == folder.read("z.h5"));
}

TEST_CASE("results that cannot be written end with 1, a closed pipe ends quietly", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 200 -o d.h5 -q");
    folder.must("train d.h5 --model linear --latent 2 --epochs 1 -q -o m.h5");
    for (const char* words :
         {"evaluate d.h5 -m m.h5 --json -q", "info d.h5", "nodes --json", "train --help",
          "train d.h5 --model linear --latent 2 -o n.h5 --print-pipeline"})
        for (const char* to : {" >/dev/full", " >&-"}) {
            const Outcome lost = folder.shell(std::string("narrows ") + words + to);
            INFO(words << to << "\n" << lost.err);
            CHECK(lost.code == 1);
            CHECK(lost.err.find("standard output cannot be written") != std::string::npos);
        }
    CHECK(folder.shell("narrows train d.h5 --model no -o n.h5 --json >/dev/full").code == 2);
    const Outcome piped = folder.shell("narrows nodes --json | true");
    CHECK(piped.code == 0);
    CHECK(piped.err.empty());
}

TEST_CASE("pipes are refused by name, as input and as output", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 60 -o d.h5 -q");
    folder.must("train d.h5 --model linear --latent 2 --epochs 1 -q -o m.h5");
    folder.shell("mkfifo pipe");
    const std::vector<std::string> before = folder.names();
    const std::string train = "train d.h5 --model linear --latent 2 -o n.h5 ";
    for (const std::string& words :
         {std::string("encode d.h5 -m m.h5 -o -"), std::string("encode - -m m.h5 -o z.h5"),
          std::string("import - -o z.h5"), std::string("import pipe -o z.h5"),
          std::string("encode d.h5 -m m.h5 -o pipe"), train + "--stats -", train + "--metrics -"})
        folder.refuses(words, 2, "is a pipe, not a file");
    const Outcome piped = folder.shell("printf '1,2\\n' | narrows import /dev/stdin -o z.h5");
    CHECK(piped.code == 2);
    CHECK(folder.names() == before);
    folder.refuses("import /dev/null -o z.h5", 2, "is a device, not a file");
}

TEST_CASE("a classifier's model says what it gives instead of reconstructions", "[tools]") {
    Folder folder;
    folder.must("generate digits -n 60 -o d.h5 -q");
    folder.must("train d.h5 --model linear --latent 2 --epochs 1 -q -o m.h5");
    folder.must("classify train d.h5 --labels d.h5:/labels -m m.h5 --epochs 1 -q -o k.h5");
    for (const char* words : {"encode d.h5 -m k.h5 -o z.h5", "reconstruct d.h5 -m k.h5 -o z.h5",
                              "evaluate d.h5 -m k.h5", "score d.h5 -m k.h5 -o z.h5"})
        folder.refuses(words, 4, "\"k.h5\" is a classifier's model");
    folder.must("encode d.h5 -m k.h5 --no-error -q -o z.h5");
    folder.must("generate waves -n 40 -o w.h5 -q");
    folder.refuses("encode w.h5 -m m.h5 -o y.h5", 4, "--set node.data.scale=none takes");
}
