// Pipelines that nobody meant: read or refused with a sentence, and what was read can be written
// and read again.
#include "pipeline/language/language.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/language/test_registry.hpp"

using namespace narrows;

std::vector<std::string> fuzz::seeds() {
    return {R"(schema = 1
[run]
mode = "train"
seed = 42
[vars]
data = "digits.h5"
[model.ae]
input = [28, 28]
encoder = [{ dense = 16, act = "relu" }, { dense = 4 }]
decoder = "mirror"
[node.clean]
type = "load"
file = ["a/${data}", 'b$${c}']
batch = 256
[node.noisy]
type = "corrupt.gaussian"
in.x = "clean.x"
sigma = 0.25
[node.code]
type = "encode"
in.x = "noisy"
model = "ae"
[node.loss]
type = "loss.mse"
in.prediction = "code.z"
in.target = "clean.x"
[node.step]
type = "optimize.adam"
model = "ae"
in.loss = ["loss.value"]
[[stage]]
name = "first"
model = "ae"
train = ["ae.encoder"]
node.step.rate = 0.5
)",
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
