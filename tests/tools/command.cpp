#include "tests/tools/command.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/catch.hpp"

namespace narrows::test {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

}  // namespace

Folder::Folder() {
    std::string name = (fs::temp_directory_path() / "narrows-tools-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
    fs::create_directory(path_ / "work");
}

Folder::~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

Outcome Folder::narrows(const std::string& words, const std::string& before) const {
    return run("env -u NARROWS_THREADS -u NARROWS_PLUGIN_PATH NO_COLOR=1 " + before +
               " '" NARROWS_BUILD_DIR "/bin/narrows' " + words);
}

Outcome Folder::shell(const std::string& command) const {
    return run("{ PATH='" NARROWS_BUILD_DIR "/bin':$PATH; export NO_COLOR=1; " + command + "\n}");
}

Outcome Folder::run(const std::string& words) const {
    const std::string command =
        "cd '" + (path_ / "work").string() + "' && " + words + " >../out 2>../err </dev/null";
    const int status = std::system(command.c_str());
    Outcome outcome;
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    outcome.out = slurp(path_ / "out");
    outcome.err = slurp(path_ / "err");
    return outcome;
}

void Folder::refuses(const std::string& words, int code, const std::string& text) const {
    const Outcome outcome = narrows(words);
    INFO(words << "\n" << outcome.err);
    CHECK(outcome.code == code);
    CHECK(outcome.err.find(text) != std::string::npos);
}

Outcome Folder::must(const std::string& words) const {
    Outcome outcome = narrows(words);
    INFO("narrows " << words << "\n" << outcome.err);
    REQUIRE(outcome.code == 0);
    return outcome;
}

void Folder::write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / "work" / name, std::ios::binary) << text;
}

std::string Folder::read(const std::string& name) const {
    return slurp(path_ / "work" / name);
}

std::vector<std::string> Folder::names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(path_ / "work"))
        names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

bool Folder::has(const std::string& name) const {
    return fs::exists(path_ / "work" / name);
}

bool has_h5py() {
    if (std::system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") == 0) return true;
    WARN("skipped: no h5py");
    return false;
}

}  // namespace narrows::test
