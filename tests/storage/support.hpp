// What the storage tests share: a folder of their own, h5py, and helper processes to kill.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/node.hpp"
#include "pipeline/storage/bundle.hpp"

namespace storage_test {

// A fresh folder, removed at the end.
class Folder {
public:
    Folder();
    ~Folder();
    std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

std::vector<std::byte> bytes_of(const std::filesystem::path& path);
void put_bytes(const std::filesystem::path& path, const std::vector<std::byte>& bytes);
std::size_t entries(const std::filesystem::path& folder);  // hidden ones too

bool has_h5py();  // says so once when it is missing
// Runs python with `h5py`, `np` and `path` at hand; returns what it printed, "failed: ..." if so.
std::string python(const std::filesystem::path& path, const std::string& code);

// The error that `action` throws: "fault|text"; "none" when it throws nothing.
std::string error_of(const std::function<void()>& action);

// Starts this program again with the hidden test case `name`; returns when that has called
// helper_path(), which is `path` there.
int start_helper(const std::string& name, const std::filesystem::path& path);
std::filesystem::path helper_path();
// Kills the helper after so many microseconds (or lets it end by itself), waits for it.
void kill_after(int process, unsigned microseconds);
int wait_for(int process);  // exit code, or 128 + signal
// Ends a child that was forked. Where branches are counted, what it did is counted, too.
[[noreturn]] void end_child(int code);
// In a child process: what `action` returns. For what leaves something behind in its process.
int in_child(const std::function<int()>& action);

// In a child process: the exit code of `action` (0, or the fault when an Error is thrown) under a
// limit for file sizes.
int with_file_limit(std::uint64_t bytes, const std::function<void()>& action);

// In a child process, with a disk of so many bytes at `folder`: what `action` returns, or
// no_small_disk where mounting is not allowed.
inline constexpr int no_small_disk = 77;
int on_small_disk(const std::filesystem::path& folder, std::uint64_t bytes,
                  const std::function<int()>& action);

narrows::storage::Bundle sample_bundle(std::uint64_t step, std::size_t values = 4000);

}  // namespace storage_test
