// bench: names, limits and figures. No figure is judged by its size: machines are noisy.
#include "tests/catch.hpp"
#include "tests/tools/command.hpp"

using narrows::test::Folder;
using narrows::test::Outcome;

TEST_CASE("bench lists its names, and suggests for a wrong one", "[tools]") {
    Folder folder;
    const std::string list = folder.must("bench --dry-run").out;
    for (const char* name : {"peak", "shapes", "convolution", "passes", "train-a", "encode",
                             "start-up", "memory", "threads", "codec", "growth"})
        CHECK(list.find(name) != std::string::npos);

    const Outcome wrong = folder.narrows("bench shape");
    CHECK(wrong.code == 2);
    CHECK(wrong.err.find("shapes") != std::string::npos);
}

TEST_CASE("bench measures kernels and whole commands, and leaves nothing behind", "[tools]") {
    Folder folder;
    const auto kernels = folder.must("bench product-forward --json").json().at("results");
    REQUIRE(kernels.size() == 1);
    CHECK(kernels[0].at("rate").get<double>() > 0);
    CHECK(kernels[0].at("seconds").get<double>() > 0);
    CHECK(kernels[0].at("share_of_limit").get<double>() > 0);

    const Outcome start = folder.narrows("bench start-up --json", "TMPDIR=.");
    REQUIRE(start.code == 0);
    CHECK(start.json().at("results").size() == 3);
    CHECK(folder.names().empty());
}
