// Texts that nobody meant: whatever stands in a file, the answer is a pipeline or a sentence.
#include "pipeline/language/language.hpp"
#include "tests/catch.hpp"
#include "tests/language/test_registry.hpp"
#include "tests/language/training_text.hpp"

using namespace narrows;
using language_test::training_text;
using language_test::types;

namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
        lines.push_back(text.substr(0, end));
        text.remove_prefix(end);
    }
    return lines;
}

// Small and the same everywhere: which texts are tried is part of the test.
struct Dice {
    std::uint64_t state = 1;
    std::size_t below(std::size_t count) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<std::size_t>(state >> 33) % count;
    }
};

std::string mutated(Dice& dice) {
    std::string text(training_text);
    constexpr std::string_view pieces[] = {"\"",       "'",
                                           "[",        "]",
                                           "{",        "}",
                                           "=",        ".",
                                           "\n",       "#",
                                           "${",       "-1",
                                           "0",        "1e99",
                                           "inf",      "nan",
                                           "true",     "\"\"\"",
                                           "[node.x]", "\xc3",
                                           "\t",       "9223372036854775807"};
    for (std::size_t changes = 1 + dice.below(3); changes > 0; --changes) {
        const std::size_t at = dice.below(text.size());
        const auto lines = lines_of(text);
        switch (dice.below(4)) {
            case 0:
                text.erase(at, 1 + dice.below(6));
                break;
            case 1:
                text.insert(at, pieces[dice.below(std::size(pieces))]);
                break;
            case 2:
                text.insert(at, std::string(lines[dice.below(lines.size())]));
                break;
            default: {
                const std::string_view line = lines[dice.below(lines.size())];
                text.erase(static_cast<std::size_t>(line.data() - text.data()), line.size());
            }
        }
    }
    return text;
}

// The checks that hold for every text; true if it was a pipeline.
bool holds(const std::string& text, std::span<const std::string> overrides = {}) {
    INFO(text);
    try {
        const std::string first =
            language::write(language::parse(text, "t.toml", types(), overrides));
        const std::string again = language::write(language::parse(first, "again.toml", types()));
        CHECK(first == again);
        return true;
    } catch (const language::PipelineError& error) {
        const std::string said = error.what();
        INFO(said);
        CHECK(said.find("; nothing was run") != std::string::npos);
        CHECK(said.find("again.toml") == std::string::npos);  // what write() gives can be read
        REQUIRE(!error.diagnostics().empty());
        std::uint32_t last = 0;
        const auto lines = static_cast<std::uint32_t>(lines_of(text).size() + 1);
        for (const language::Diagnostic& diagnostic : error.diagnostics()) {
            if (!diagnostic.argument.empty()) continue;
            CHECK(diagnostic.position.line >= last);  // in file order
            CHECK(diagnostic.position.line <= lines);
            last = diagnostic.position.line;
        }
        return false;
    }
}

}  // namespace

TEST_CASE("a damaged pipeline is read or refused, never more", "[language]") {
    Dice dice;
    std::size_t read = 0;
    for (int i = 0; i < 4000; ++i) read += holds(mutated(dice));
    CHECK(read > 100);  // both answers were met
    CHECK(read < 3900);
}

TEST_CASE("every prefix of a pipeline is read or refused", "[language]") {
    CHECK(holds(std::string(training_text)));
    for (std::size_t size = 0; size < training_text.size(); ++size)
        holds(std::string(training_text.substr(0, size)));
}

TEST_CASE("odd --set arguments are applied or refused", "[language]") {
    for (const char* argument : {"",
                                 "=",
                                 "a",
                                 "=1",
                                 "node=1",
                                 "node.=1",
                                 ".=1",
                                 "..a=2",
                                 "node.noisy=1",
                                 "schema=2",
                                 "run.mode=",
                                 "run.seed=[",
                                 "node.noisy.sigma=\n[evil]",
                                 "node.noisy.sigma=1\nx = 2",
                                 "node.noisy.in=3",
                                 "node.noisy.in.x=",
                                 "model.ae.encoder=[{ dens = 3 }]",
                                 "vars.data=${data}",
                                 "\xff=\xff",
                                 "stage=1",
                                 "run={}",
                                 "node.clean.file=[1, \"b\"]",
                                 "node.step.in.loss={ a = [1] }"}) {
        const std::vector<std::string> overrides{argument};
        INFO(argument);
        holds(std::string(training_text), overrides);
    }
}

TEST_CASE("texts keep every character through writing and reading", "[language]") {
    for (const char* file : {"${a}", "$${a}", "$$${", "a${", "tab\there", "\"quoted\"",
                             "back\\slash", "line\nbreak", "ü/€", "$"}) {
        language::Pipeline p = language::parse(training_text, "t.toml", types());
        p.nodes[0].settings[0].value.texts = {file};
        const language::Pipeline again = language::parse(language::write(p), "again.toml", types());
        CHECK(again.nodes[0].settings[0].value.texts == std::vector<std::string>{file});
    }
}

TEST_CASE("numbers are written with all their digits and no more", "[language]") {
    for (const double sigma : {0.3, 1.0 / 3, 1e-300, 5e-324, 9.999999999999998, 0.0, 10.0}) {
        language::Pipeline p = language::parse(training_text, "t.toml", types());
        p.nodes[1].settings[0].value.number = sigma;
        const language::Pipeline again = language::parse(language::write(p), "again.toml", types());
        REQUIRE(again.nodes[1].settings.size() == 1);
        CHECK(again.nodes[1].settings[0].value.number == sigma);
    }
}

TEST_CASE("stages keep their choice through writing and reading", "[language]") {
    const language::Pipeline p = language::parse(training_text, "t.toml", types());
    const language::Pipeline again = language::parse(language::write(p), "again.toml", types());
    for (const language::Pipeline* one : {&p, &again}) {
        REQUIRE(one->stages.size() == 1);
        CHECK(one->stages[0].name == "first");
        CHECK(one->stages[0].model == "ae");
        CHECK(one->stages[0].train == std::vector<std::string>{"ae.encoder"});
        REQUIRE(one->stages[0].changes.size() == 2);
        CHECK(one->stages[0].changes[0].second.value.number == 0.5);
        CHECK(one->stages[0].changes[1].second.value.texts == std::vector<std::string>{"x", "y"});
    }
}

TEST_CASE("a wrong reference in --set is shown under the argument", "[language]") {
    const std::vector<std::string> overrides{"node.step.in.loss=[\"loss.value\", \"lost.value\"]",
                                             "node.code.in.x=clean.labels"};
    try {
        language::parse(training_text, "t.toml", types(), overrides);
        FAIL("nothing was thrown");
    } catch (const language::PipelineError& error) {
        const std::string text = error.what();
        INFO(text);
        CHECK(text.find("      | node.step.in.loss=[\"loss.value\", \"lost.value\"]\n"
                        "      |                                  ^~~~~~~~~~~~\n"
                        "      = did you mean \"loss\"?\n") != std::string::npos);
        CHECK(text.find("      | node.code.in.x=clean.labels\n      |                ^~~~~~~~~~~~\n"
                        "      = t.toml:11:1: node \"clean\"") != std::string::npos);
        CHECK(error.diagnostics().size() == 2);
    }
}
