#include "tools/benchmarks/command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <iterator>

#include "pipeline/node.hpp"

namespace narrows::tools::benchmarks {
namespace {

std::string all_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

Workshop::Workshop() {
    namespace fs = std::filesystem;
    std::string name = fs::absolute(fs::temp_directory_path() / "narrows-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
        throw Error(Fault::run,
                    fmt::format("cannot make a folder {}: {}", name, std::strerror(errno)),
                    "set TMPDIR to a folder that can be written");
    folder_ = name;
}

Workshop::~Workshop() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
}

void Workshop::write(const std::string& file, const std::string& text) const {
    std::ofstream(folder_ / file) << text;
}

Finished Workshop::run(const std::vector<std::string>& arguments) const {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    std::vector<std::string> words{self};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string out = (folder_ / "out").string(), err = (folder_ / "err").string();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, folder_.c_str());
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const auto start = std::chrono::steady_clock::now();
    pid_t child = 0;
    const int failed = posix_spawn(&child, self.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0)
        throw Error(Fault::run, fmt::format("cannot start {}: {}", self, std::strerror(failed)));
    int status = 0;
    rusage usage{};
    while (wait4(child, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    Finished finished;
    finished.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    finished.peak_bytes = static_cast<std::size_t>(usage.ru_maxrss) * 1024;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        std::string line;
        for (const std::string& word : arguments) line += " " + word;
        throw Error(Fault::run, fmt::format("narrows{} failed: {}", line, all_of(err)));
    }
    if (arguments.end() != std::find(arguments.begin(), arguments.end(), "--json"))
        finished.results = nlohmann::json::parse(all_of(out));
    return finished;
}

}  // namespace narrows::tools::benchmarks
