#include "tests/catch.hpp"
#include "tests/flow/nodes.hpp"

using namespace narrows;
using flow_test::seen;

namespace {

std::string chain(const std::string& more, const std::string& source = "", int in_flight = 4) {
    return "schema = 1\n[run]\nmode = \"stream\"\nin_flight = " + std::to_string(in_flight) +
           "\n[node.data]\ntype = \"counter\"\nsamples = 803\nbatch = 8\n" + source +
           "\n[node.slow]\ntype = \"uneven\"\nin.x = \"data.x\"\n" + more +
           "\n[node.out]\ntype = \"sink\"\nin.x = \"slow.x\"\n";
}

}  // namespace

TEST_CASE("an ordered node meets packets in order whatever the threads", "[flow]") {
    const std::size_t threads = GENERATE(1, 2, 5, 8);
    const flow::Result result = flow_test::run(chain(""), threads);
    REQUIRE(seen().order.size() == 101);
    for (std::size_t i = 0; i < seen().order.size(); ++i)
        CHECK(seen().order[i] == static_cast<std::int64_t>(8 * i));
    CHECK(result.samples == 803);
    CHECK(result.numbers.at("mean") == 401.0);
    CHECK(seen().finished == 1);
    CHECK(seen().abandoned == 0);
}

TEST_CASE("no more packets are alive than in_flight says", "[flow]") {
    const int in_flight = GENERATE(1, 3, 6);
    flow_test::run(chain("", "", in_flight), 8);
    CHECK(seen().most_alive <= in_flight);
    CHECK(seen().order.size() == 101);
}

TEST_CASE("a dropped packet leaves a gap and nothing stalls", "[flow]") {
    const std::size_t threads = GENERATE(1, 2, 5);
    flow_test::run(chain("drop = 3"), threads);
    CHECK(seen().order.size() == 101 - 33);
    for (const std::int64_t first : seen().order) CHECK(first / 8 % 3 != 2);
}

TEST_CASE("of several failures the lowest packet is reported, every time", "[flow]") {
    const std::size_t threads = GENERATE(1, 2, 5, 8);
    for (int round = 0; round < 5; ++round) {
        try {
            flow_test::run(chain("fail_at = 41\nfail_too = 37"), threads);
            FAIL("nothing was thrown");
        } catch (const Error& error) {
            CHECK(std::string(error.what()) ==
                  "node \"slow\" failed on packet 37 (samples 296-303, epoch 0): packet 37 is bad");
            CHECK(error.fault() == Fault::run);
            CHECK(error.position().line == 10);
        }
        CHECK(seen().abandoned == 1);
        CHECK(seen().finished == 0);
    }
}

TEST_CASE("a failing source is reported like any node", "[flow]") {
    CHECK_THROWS_WITH(
        flow_test::run(chain("", "fail_at = 5"), 2),
        "node \"data\" failed on packet 5 (samples 40-47, epoch 0): the counter broke");
}

TEST_CASE("a stop lets what is in flight finish and tells every node", "[flow]") {
    std::atomic<int> stop{0};
    flow::Settings settings;
    settings.stop = &stop;
    const auto at_once = [&](const flow::Report&) { stop = 1; };
    FunctionRef<void(const flow::Report&)> progress(at_once);
    settings.progress = &progress;
    const flow::Result result = flow_test::run(chain(""), 2, settings);
    CHECK(result.stopped);
    CHECK(seen().stopped == 1);
    CHECK(seen().finished == 0);
    CHECK(seen().order.size() < 101);
    for (std::size_t i = 0; i < seen().order.size(); ++i)
        CHECK(seen().order[i] == static_cast<std::int64_t>(8 * i));
}

TEST_CASE("a stop while nodes finish ends the run as stopped; who has finished stays so",
          "[flow]") {
    std::atomic<int> stop{0};
    flow::Settings settings;
    settings.stop = &stop;
    seen().stop = &stop;
    const std::string text = chain("") + "[node.late]\ntype = \"late\"\nin.x = \"slow.x\"\n";
    const flow::Result result = flow_test::run(text, 2, settings);
    seen().stop = nullptr;
    CHECK(result.stopped);
    CHECK(seen().order.size() == 101);
    CHECK(seen().finished == 1);
    CHECK(seen().stopped == 1);
    CHECK(seen().abandoned == 0);
    stop = 0;
    CHECK(!flow_test::run(text, 2, settings).stopped);
}

TEST_CASE("a join of many inputs waits for all of them", "[flow]") {
    const std::size_t threads = GENERATE(1, 2, 8);
    std::string text =
        "schema = 1\n[run]\nmode = \"stream\"\n[node.data]\ntype = \"counter\"\nsamples = 400\n";
    std::string left = "data.x";
    for (int i = 0; i < 12; ++i) {
        const std::string n = std::to_string(i);
        text += "[node.u" + n + "]\ntype = \"uneven\"\nin.x = \"data.x\"\n";
        text +=
            "[node.a" + n + "]\ntype = \"add\"\nin.a = \"" + left + "\"\nin.b = \"u" + n + ".x\"\n";
        left = "a" + n + ".x";
    }
    text += "[node.out]\ntype = \"sink\"\nin.x = \"" + left + "\"\n";
    flow_test::run(text, threads);
    REQUIRE(seen().sums.size() == 50);
    for (std::size_t i = 0; i < 50; ++i)
        CHECK(seen().sums[i] == 13.0 * (8.0 * 8.0 * static_cast<double>(i) + 28));
}

TEST_CASE("only_check opens everything and runs nothing", "[flow]") {
    flow::Settings settings;
    settings.only_check = true;
    const flow::Result result = flow_test::run(chain(""), 2, settings);
    CHECK(seen().order.empty());
    CHECK(result.memory_bound > 0);
}

TEST_CASE("the drawing has shapes on its edges", "[flow]") {
    const language::Pipeline pipeline = language::parse(chain(""), "test.toml", flow_test::types());
    const flow::Drawing drawing = flow::inspect(pipeline, flow_test::types());
    REQUIRE(drawing.edges.size() == 2);
    CHECK(drawing.edges[0].type == "f32[8, 1]");
    CHECK(drawing.nodes[1].id == "slow");
}
