// Golden texts: tests/cases/language/NAME.toml and what narrows says of it, NAME.txt. With
// NARROWS_UPDATE_GOLDEN=1 the texts are written anew; read the difference before committing it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "pipeline/language/language.hpp"
#include "tests/catch.hpp"
#include "tests/language/test_registry.hpp"

using namespace narrows;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace

TEST_CASE("mistakes get their golden texts", "[language]") {
    std::vector<fs::path> cases;
    for (const auto& entry :
         fs::directory_iterator(fs::path(NARROWS_SOURCE_DIR) / "tests/cases/language"))
        if (entry.path().extension() == ".toml") cases.push_back(entry.path());
    std::sort(cases.begin(), cases.end());
    REQUIRE(cases.size() >= 20);
    for (const fs::path& path : cases) {
        std::string said = "no error\n";
        try {
            const language::Pipeline p =
                language::parse(read(path), path.filename().string(), language_test::types());
            for (const std::string& warning : p.warnings) said += warning + "\n";
        } catch (const language::PipelineError& error) {
            said = std::string(error.what()) + "\n";
        }
        fs::path golden = path;
        golden.replace_extension(".txt");
        if (std::getenv("NARROWS_UPDATE_GOLDEN")) std::ofstream(golden) << said;
        INFO(path.filename().string());
        CHECK(said == read(golden));
    }
}
