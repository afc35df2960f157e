#include "pipeline/language/language.hpp"
#include "tests/catch.hpp"
#include "tests/language/test_registry.hpp"

using namespace narrows;
using language_test::types;

namespace {

constexpr std::string_view good = R"(schema = 1

[run]
mode = "train"
seed = 42
epochs = 20

[vars]
data = "digits.h5"

[model.dae]
input   = [28, 28]
encoder = [{ dense = 256, act = "relu" }, { dense = 32 }]
decoder = "mirror"
tied = true

[node.clean]
type = "load"
file = "some/folder/${data}"
batch = 256

[node.noisy]
type = "corrupt.gaussian"
in.x = "clean.x"
sigma = 0.3

[node.code]
type = "encode"
model = "dae"
in.x = "noisy"

[node.loss]
type = "loss.mse"
in.prediction = "code.z"
in.target = "clean.x"

[node.step]
type = "optimize.adam"
model = "dae"
in.loss = ["loss.value"]

[node.keep]
type = "store.checkpoint"
in.after = "step"
file = "out/dae.h5"
)";

}  // namespace

TEST_CASE("a pipeline is read in file order with everything in its place", "[language]") {
    const language::Pipeline p = language::parse(good, "train.toml", types());
    CHECK(p.run.mode == Mode::train);
    CHECK(p.run.seed == 42);
    CHECK(p.run.epochs == 20);
    REQUIRE(p.models.size() == 1);
    const ModelSpec& model = p.models[0];
    CHECK(model.name == "dae");
    CHECK(*model.input == Shape{28, 28});
    CHECK(model.mirror);
    REQUIRE(model.encoder.size() == 2);
    CHECK(model.encoder[0].type == "dense");
    CHECK(model.encoder[0].settings[0].value.integer == 256);
    CHECK(model.encoder[0].settings[1].value.text == "relu");
    CHECK(model.encoder[1].settings.size() == 1);
    REQUIRE(p.nodes.size() == 6);
    CHECK(p.nodes[0].id == "clean");
    CHECK(p.nodes[0].settings[0].value.texts.at(0) == "some/folder/digits.h5");
    CHECK(p.nodes[0].position.line == 17);
    CHECK(p.nodes[1].settings[0].value.number == 0.3);
    CHECK(p.nodes[2].inputs[0].from_port == "x");  // a bare reference to a node of one output
    CHECK(p.nodes[5].sink);
    CHECK(p.warnings.empty());
}

TEST_CASE("writing and reading again gives the same pipeline", "[language]") {
    const language::Pipeline first = language::parse(good, "train.toml", types());
    const std::string text = language::write(first);
    const language::Pipeline second = language::parse(text, "again.toml", types());
    CHECK(language::write(second) == text);
    CHECK(text.find("${") == std::string::npos);
    CHECK(second.nodes[0].settings[0].value.texts == first.nodes[0].settings[0].value.texts);
    CHECK(second.models[0].settings.at(0).value.flag);
}

TEST_CASE("the portable text names no folder and no output", "[language]") {
    const std::string text = language::write(language::parse(good, "train.toml", types()), true);
    CHECK_THROWS_AS(language::parse(text, "m.h5", types()), language::PipelineError);
    const language::Pipeline again =
        language::parse(text, "m.h5", types(), {}, language::Outputs::left_out);
    CHECK(language::write(again, true) == text);
    CHECK(text.find("folder") == std::string::npos);
    CHECK(text.find("digits.h5") != std::string::npos);
    CHECK(text.find("dae.h5") == std::string::npos);
}

TEST_CASE("a setting that says the default is no difference", "[language]") {
    const std::vector<std::string> overrides{"node.noisy.sigma=0.1", "node.clean.batch=128"};
    const language::Pipeline p = language::parse(good, "train.toml", types(), overrides);
    CHECK(p.nodes[1].settings.empty());
    CHECK(p.nodes[0].settings.size() == 1);
}

TEST_CASE("--set changes values, adds keys and takes plain texts", "[language]") {
    const std::vector<std::string> overrides{"node.noisy.kind=pink", "run.epochs=3",
                                             "vars.data=other.h5", "node.step.rate=0.5"};
    const language::Pipeline p = language::parse(good, "train.toml", types(), overrides);
    CHECK(p.run.epochs == 3);
    CHECK(p.nodes[0].settings[0].value.texts.at(0) == "some/folder/other.h5");
    CHECK(p.nodes[1].settings.at(1).value.text == "pink");
    CHECK(p.nodes[4].settings.at(0).value.number == 0.5);
}

TEST_CASE("a mistake in --set is shown under the argument", "[language]") {
    const std::vector<std::string> overrides{"node.noisy.sigma=11", "node.nosy.sigma=1"};
    try {
        language::parse(good, "train.toml", types(), overrides);
        FAIL("nothing was thrown");
    } catch (const language::PipelineError& error) {
        const std::string text = error.what();
        INFO(text);
        CHECK(text.find("--set node.noisy.sigma=11: error: node \"noisy\": \"sigma\" must lie in "
                        "[0, 10], found 11\n"
                        "      | node.noisy.sigma=11\n"
                        "      |                  ^~\n") != std::string::npos);
        CHECK(text.find("did you mean \"noisy\"?") != std::string::npos);
        CHECK(error.diagnostics().size() == 2);
    }
}
