// Positioned reads and writes, reservations and syncs on file descriptors, with errors that name
// the file. Private to the storage room. One rule: a write that cannot fit fails here, in our own
// call, before a library that may not survive a full disk sees it.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "pipeline/node.hpp"

namespace narrows::storage {

// An owned descriptor, closed at the end; opened with O_CLOEXEC.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() { close(); }
    void close() noexcept;
    int number() const { return number_; }
    explicit operator bool() const { return number_ >= 0; }

private:
    int number_ = -1;
};

// What a system call gives; one that a signal interrupts is made again.
template <class Call>
auto again(const Call& call) {
    auto result = call();
    while (result < 0 && errno == EINTR) result = call();
    return result;
}

std::string in_quotes(const std::filesystem::path& path);
std::string system_text(int error);  // "no space left on device"

// Fault::input: missing, a folder, not readable, being written by someone else.
Descriptor open_to_read(const std::filesystem::path& path);
// Fault::usage when it cannot be opened.
Descriptor open_to_write(const std::filesystem::path& path);
std::uint64_t file_bytes(int file, const std::filesystem::path& path);

// Whole ranges; a short file is Fault::input, a failed transfer Fault::run.
void read_at(int file, void* to, std::size_t bytes, std::uint64_t offset,
             const std::filesystem::path& path);
void write_at(int file, const void* from, std::size_t bytes, std::uint64_t offset,
              const std::filesystem::path& path);

// Makes sure that the file may grow to `bytes`: limit of the process, then blocks of the disk
// (kept beyond the end; the size does not change). Throws Fault::run "disk full".
void reserve(int file, std::uint64_t bytes, const std::filesystem::path& path);
// Gives back blocks reserved beyond the end.
void release_surplus(int file) noexcept;

void sync_data(int file, const std::filesystem::path& path);  // fdatasync
void sync_file(int file, const std::filesystem::path& path);  // fsync
void sync_folder_of(const std::filesystem::path& path);

// Removes files of the folder whose names start so and whose owners (flock) are gone, but for
// `own`. True: another owner lives.
bool remove_leftovers(const std::filesystem::path& folder, const std::string& prefix,
                      const std::filesystem::path& own = {});

}  // namespace narrows::storage
