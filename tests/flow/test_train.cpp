#include <cmath>

#include "tests/catch.hpp"
#include "tests/flow/nodes.hpp"

using namespace narrows;
using flow_test::seen;

namespace {

// (w x + w x) against 2 x: w goes to 1. Both branches' gradients meet in one weight.
std::string training(const std::string& run = "", const std::string& source = "",
                     const std::string& loss = "") {
    return "schema = 1\n[run]\nmode = \"train\"\n" + run +
           "\n[model.m]\ntype = \"weight\"\nencoder = []\n" +
           "[node.data]\ntype = \"counter\"\nsamples = 60\nbatch = 8\n" + source +
           "\n[node.w]\ntype = \"scale\"\nmodel = \"m\"\nin.x = \"data.x\"\n"
           "[node.twice]\ntype = \"add\"\nin.a = \"w.x\"\nin.b = \"w.x\"\n"
           "[node.loss]\ntype = \"distance\"\nin.prediction = \"twice.x\"\nin.target = "
           "\"data.x\"\n" +
           loss +
           "\n[node.step]\ntype = \"step\"\nmodel = \"m\"\nin.loss = \"loss.value\"\nrate = 0.5\n";
}

}  // namespace

TEST_CASE("gradients of a fan-out are added and the weight finds its place", "[flow]") {
    const flow::Result result = flow_test::run(training("epochs = 40"), 2);
    CHECK(result.numbers.at("w") == Approx(1.0).margin(1e-3));
    CHECK(result.steps == 40 * 8);
    CHECK(result.epochs == 40);
    REQUIRE(result.history.size() == 40);
    CHECK(result.history_names.at(0) == "loss");
    CHECK(result.history.back()[0] < result.history.front()[0] / 1000);
    // The first step by hand: d/dw of mean ((2 w x - 2 x) / 100)^2 / 2 over x = 0 ... 7, w = 0.5.
    double expected = 0;
    for (int x = 0; x < 8; ++x) expected += (2 * 0.5 * x - 2.0 * x) / 100 * (2.0 * x) / 100 / 8;
    CHECK(seen().gradients.at(0) == Approx(expected).epsilon(1e-6));
}

TEST_CASE("threads and prefetch change no bit of a training run", "[flow]") {
    const double one = flow_test::run(training("epochs = 5\nin_flight = 1"), 1).numbers.at("w");
    for (const std::size_t threads : {2, 5, 8})
        for (const char* in_flight : {"1", "3", "7"}) {
            const std::string run = std::string("epochs = 5\nin_flight = ") + in_flight;
            CHECK(flow_test::run(training(run), threads).numbers.at("w") == one);
        }
}

TEST_CASE("validation packets come after an epoch's training and change nothing", "[flow]") {
    const double without = flow_test::run(training("epochs = 3"), 2).numbers.at("w");
    const flow::Result result = flow_test::run(training("epochs = 3", "validation = 10"), 2);
    CHECK(result.numbers.at("w") == without);
    REQUIRE(seen().phases.size() == 3 * 10);
    for (std::size_t i = 0; i < 30; ++i) {
        CHECK((seen().phases[i] == Phase::validation) == (i % 10 >= 8));
        CHECK(seen().epochs[i] == i / 10);
    }
    CHECK(result.history_names.at(1) == "validation_loss");
    CHECK(result.steps == 24);
}

TEST_CASE("patience ends a run that gets no better", "[flow]") {
    const flow::Result result = flow_test::run(training("epochs = 500\npatience = 4"), 2);
    CHECK(result.epochs < 500);
}

TEST_CASE("a loss that is not finite stops the run before the weights are touched", "[flow]") {
    try {
        flow_test::run(training("epochs = 2", "", "wanted = 1e200"), 2);
        FAIL("nothing was thrown");
    } catch (const Error& error) {
        const std::string text = error.what();
        INFO(text);
        CHECK(text.find("node \"loss\" failed on packet") == 0);
        CHECK(text.find("the loss is infinite at step") != std::string::npos);
        CHECK(error.fault() == Fault::run);
    }
}

TEST_CASE("training without an update is refused", "[flow]") {
    CHECK_THROWS_WITH(
        flow_test::run("schema = 1\n[run]\nmode = \"train\"\n[node.data]\ntype = \"counter\"\n"
                       "[node.out]\ntype = \"sink\"\nin.x = \"data.x\"\n",
                       1),
        "mode is \"train\" but no node updates a model");
}
