#include "tests/storage/support.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>

#ifdef NARROWS_COUNTED
#ifdef __clang__
extern "C" int __llvm_profile_write_file();
#else
extern "C" void __gcov_dump();
#endif
#endif

namespace storage_test {

namespace fs = std::filesystem;

Folder::Folder() {
    std::string name = (fs::temp_directory_path() / "narrows-storage-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
}

Folder::~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::vector<std::byte> bytes_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return {};
    std::vector<std::byte> bytes(fs::file_size(path));
    in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    return bytes;
}

void put_bytes(const fs::path& path, const std::vector<std::byte>& bytes) {
    std::ofstream out(path, std::ios::binary);
    out.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
}

std::size_t entries(const fs::path& folder) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(folder)) ++count;
    return count;
}

namespace {

std::string interpreter() {
    for (const char* name : {"python3", "/usr/bin/python3"})
        if (std::system((std::string(name) + " -c 'import h5py' 2>/dev/null").c_str()) == 0)
            return name;
    std::cerr << "h5py is missing: what other programs read was not checked\n";
    return {};
}

const std::string& python_name() {
    static const std::string name = interpreter();
    return name;
}

}  // namespace

bool has_h5py() {
    return !python_name().empty();
}

std::string python(const fs::path& path, const std::string& code) {
    Folder folder;
    const fs::path script = folder / "check.py", output = folder / "out.txt";
    std::ofstream(script) << "import sys, h5py\nimport numpy as np\npath = sys.argv[1]\n" << code;
    const std::string command = python_name() + " " + script.string() + " '" + path.string() +
                                "' > " + output.string() + " 2>&1";
    const int status = std::system(command.c_str());
    std::ifstream in(output);
    std::string text((std::istreambuf_iterator<char>(in)), {});
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return status == 0 ? text : "failed: " + text;
}

std::string error_of(const std::function<void()>& action) {
    try {
        action();
        return "none";
    } catch (const narrows::Error& error) {
        return std::to_string(static_cast<int>(error.fault())) + "|" + error.what();
    }
}

int start_helper(const std::string& name, const fs::path& path) {
    int ready[2] = {-1, -1};
    if (::pipe(ready) != 0) throw std::runtime_error("no pipe");
    const int process = ::fork();
    if (process == 0) {
        ::setenv("NARROWS_TEST_PATH", path.c_str(), 1);
        ::setenv("NARROWS_TEST_READY", std::to_string(ready[1]).c_str(), 1);
        const int nowhere = ::open("/dev/null", O_WRONLY);
        ::dup2(nowhere, 1);
        ::dup2(nowhere, 2);
        ::execl("/proc/self/exe", "test_storage", name.c_str(), static_cast<char*>(nullptr));
        ::_exit(127);
    }
    ::close(ready[1]);
    char byte = 0;
    const bool up = ::read(ready[0], &byte, 1) == 1;  // however long its start takes
    ::close(ready[0]);
    if (!up) throw std::runtime_error("the helper did not start");
    return process;
}

fs::path helper_path() {
    static const fs::path path = [] {
        const char* const ready = std::getenv("NARROWS_TEST_READY");
        if (ready != nullptr && ::write(std::atoi(ready), "+", 1) != 1) ::_exit(126);
        const char* const given = std::getenv("NARROWS_TEST_PATH");
        return given == nullptr ? fs::path() : fs::path(given);
    }();
    return path;
}

int wait_for(int process) {
    int status = 0;
    ::waitpid(process, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void end_child(int code) {
#ifdef NARROWS_COUNTED
    for (const auto what : {RLIMIT_FSIZE, RLIMIT_NOFILE}) {
        struct rlimit limit {};
        ::getrlimit(what, &limit);
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(what, &limit);
    }
#ifdef __clang__
    __llvm_profile_write_file();
#else
    __gcov_dump();
#endif
#endif
    ::_exit(code);
}

int in_child(const std::function<int()>& action) {
    const int process = ::fork();
    if (process != 0) return wait_for(process);
    int code = 99;
    try {
        code = action();
    } catch (...) {
    }
    end_child(code);
}

void kill_after(int process, unsigned microseconds) {
    ::usleep(microseconds);
    ::kill(process, SIGKILL);
    wait_for(process);
}

int with_file_limit(std::uint64_t bytes, const std::function<void()>& action) {
    const int process = ::fork();
    if (process != 0) return wait_for(process);
    ::signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit {};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int code = 0;
    try {
        action();
    } catch (const narrows::Error& error) {
        code = static_cast<int>(error.fault());
    } catch (...) {
        code = 99;
    }
    end_child(code);
}

int on_small_disk(const fs::path& folder, std::uint64_t bytes, const std::function<int()>& action) {
    const int process = ::fork();
    if (process != 0) return wait_for(process);
    const std::string size = "size=" + std::to_string(bytes);
    // Private mounts: nobody else sees the disk, and it goes with this process.
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder.c_str(), "tmpfs", 0, size.c_str()) != 0)
        ::_exit(no_small_disk);
    int code = 99;
    try {
        code = action();
    } catch (...) {
    }
    end_child(code);
}

narrows::storage::Bundle sample_bundle(std::uint64_t step, std::size_t values) {
    using namespace narrows;
    storage::Bundle bundle;
    bundle.format = "narrows-checkpoint";
    bundle.step = step;
    bundle.attributes = {
        {"epoch", std::int64_t{3}}, {"best_loss", 0.125}, {"name", std::string("Übung")}};
    std::vector<float> weights(values);
    for (std::size_t i = 0; i < values; ++i)
        weights[i] = static_cast<float>(i) * 0.5f + static_cast<float>(step);
    const std::string config = "[model.m]\nencoder = []\n";
    bundle.arrays.push_back(storage::Array::of<float>(
        "/model/encoder.0/weight", Shape{static_cast<std::int64_t>(values / 4), 4}, weights));
    bundle.arrays.push_back(
        storage::Array::of<float>("/model/encoder.0/bias", Shape{3}, std::vector<float>{1, 2, 3}));
    bundle.arrays.push_back(
        storage::Array::of<double>("/log/loss", Shape{2}, std::vector<double>{0.5, 0.25}));
    bundle.arrays.push_back(
        storage::Array::of<std::int64_t>("/count", Shape{}, std::vector<std::int64_t>{-7}));
    bundle.arrays.push_back(storage::Array::of<std::int32_t>("/none", Shape{0, 5}, {}));
    bundle.arrays.push_back(storage::Array::of<std::uint8_t>(
        "/config", Shape{static_cast<std::int64_t>(config.size())},
        {reinterpret_cast<const std::uint8_t*>(config.data()), config.size()}));
    return bundle;
}

}  // namespace storage_test
