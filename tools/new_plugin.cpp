#include "tools/new_plugin.hpp"

namespace narrows::tools {
namespace {

constexpr const char* source =
    R"(// @NAME@.gain: multiplies every sample by a factor, and carries the gradient back.
#include "pipeline/plugin.hpp"

namespace {

class Gain final : public narrows::Node {
public:
    static void describe(narrows::Schema& schema) {
        schema.summary("Multiply every value by a factor.")
            .threads(narrows::Threads::parallel)
            .in("x", "f32[batch, ...]", "samples")
            .out("x", "f32 like x", "samples times factor")
            .number<&Gain::factor_>("factor", 1, -1e6, 1e6, "what values are multiplied with");
    }

    void open(narrows::OpenContext& context) override { context.set_shape("x", context.shape("x")); }

    void process(narrows::Context& context) override {
        const auto in = context.in("x").span();
        const auto out = context.out("x").span();
        for (std::size_t i = 0; i < in.size(); ++i) out[i] = factor_ * in[i];
    }

    void backward(narrows::Context& context) override {
        const auto dy = context.gradient_of("x").span();
        const auto dx = context.gradient_for("x").span();
        if (dx.data() == nullptr || dy.data() == nullptr) return;
        for (std::size_t i = 0; i < dy.size(); ++i) dx[i] = factor_ * dy[i];
    }

private:
    float factor_ = 1;
};

}  // namespace

NARROWS_PLUGIN("@NAME@", "0.1.0", "What @NAME@ is for, in a line",
               NARROWS_NODE(Gain, "@NAME@.gain"))
)";

constexpr const char* build = R"(cmake_minimum_required(VERSION 3.25)
project(@NAME@ LANGUAGES CXX)
find_package(narrows CONFIG REQUIRED)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()
narrows_add_plugin(@NAME@ SOURCES @NAME@.cpp)

# A factor of 1 changes nothing: the error between what goes in and what comes out is zero.
enable_testing()
add_test(NAME @NAME@ COMMAND narrows::narrows --plugin-path ${CMAKE_BINARY_DIR}
    run ${CMAKE_SOURCE_DIR}/test.toml --json)
set_tests_properties(@NAME@ PROPERTIES PASS_REGULAR_EXPRESSION "\"sse\": 0\\.0")
)";

constexpr const char* pipeline = R"(schema = 1

[run]
mode = "stream"

[node.data]
type = "generate"
kind = "digits"
samples = 200

[node.gain]
type = "@NAME@.gain"
in.x = "data.x"
factor = 1.0

[node.error]
type = "loss.mse"
in.prediction = "gain.x"
in.target = "data.x"
)";

constexpr const char* page = R"(# @NAME@

A narrows plugin with one node type, `@NAME@.gain`.

    cmake -S . -B build -DCMAKE_PREFIX_PATH=PREFIX   # where narrows is installed
    cmake --build build && ctest --test-dir build
    narrows --plugin-path build nodes @NAME@.gain

`@NAME@.cpp` is the node, `test.toml` the pipeline that the test runs.
)";

std::string filled(std::string text, const std::string& name) {
    const std::string mark = "@NAME@";
    for (std::size_t at = text.find(mark); at != std::string::npos;
         at = text.find(mark, at + name.size()))
        text.replace(at, mark.size(), name);
    return text;
}

}  // namespace

std::vector<NewFile> new_plugin(const std::string& name) {
    return {{name + ".cpp", filled(source, name)},
            {"CMakeLists.txt", filled(build, name)},
            {"test.toml", filled(pipeline, name)},
            {"README.md", filled(page, name)}};
}

}  // namespace narrows::tools
