// What a fuzz target says to its driver: libFuzzer, or the small one of driver.cpp.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

std::vector<std::string> seeds();  // inputs that are right, to be damaged
void run(std::string_view input);  // returns, whatever comes; what is wrong calls fail()

[[noreturn]] inline void fail(const char* what) {
    std::fprintf(stderr, "finding: %s\n", what);
    std::abort();
}

// A file in memory that holds the input of this execution.
class MemoryFile {
public:
    MemoryFile() : file_(::memfd_create("input", MFD_CLOEXEC)) {
        if (file_ < 0) std::abort();
        path_ = "/proc/self/fd/" + std::to_string(file_);
    }
    void put(std::string_view bytes) const {
        if (::ftruncate(file_, 0) != 0 ||
            ::pwrite(file_, bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
            std::abort();
    }
    int number() const { return file_; }
    const std::string& path() const { return path_; }

private:
    int file_;
    std::string path_;
};

}  // namespace fuzz
