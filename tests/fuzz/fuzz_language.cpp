// Pipelines that nobody meant: read or refused with a sentence, and what was read can be written
// and read again.
#include "pipeline/language/language.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/language/test_registry.hpp"
#include "tests/language/training_text.hpp"

using namespace narrows;

std::vector<std::string> fuzz::seeds() {
    return {std::string(language_test::training_text),
            R"(schema = 1
[run]
mode = "stream"
[model.m]
file = "m.h5"
[node.data]
type = "load"
file = "x.h5"
[node.code]
type = "encode"
model = "m"
in.x = "data.x"
)"};
}

void fuzz::run(std::string_view input) {
    std::string text;
    try {
        text = language::write(language::parse(input, "fuzz.toml", language_test::types()));
    } catch (const Error&) {
        return;
    }
    try {
        if (language::write(language::parse(text, "again.toml", language_test::types())) != text)
            fail("what was written reads as another pipeline");
    } catch (const Error& error) {
        std::fputs(text.c_str(), stderr);
        std::fputs(error.what(), stderr);
        fail("what was written is refused");
    }
}
