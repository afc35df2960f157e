#include "pipeline/storage/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace narrows::storage {

namespace {

[[noreturn]] void fail_write(const std::filesystem::path& path, int error) {
    const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
    throw Error(Fault::run, "cannot write " + in_quotes(path) + ": " + system_text(error),
                full ? "free some space, or write to another place" : "check the disk");
}

}  // namespace

void Descriptor::close() noexcept {
    if (number_ >= 0) ::close(number_);
    number_ = -1;
}

std::string in_quotes(const std::filesystem::path& path) {
    return "\"" + path.string() + "\"";
}

std::string system_text(int error) {
    if (error == EFBIG) return "the file would exceed the limit for file sizes";
    std::string text = std::strerror(error);
    if (text[0] >= 'A' && text[0] <= 'Z' && !(text[1] >= 'A' && text[1] <= 'Z'))
        text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

Descriptor open_to_read(const std::filesystem::path& path) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file)
        throw Error(
            Fault::input, "cannot open " + in_quotes(path) + ": " + system_text(errno),
            errno == ENOENT ? "check the spelling and the folder" : "check its permissions");
    struct stat status {};
    if (::fstat(file.number(), &status) == 0 && S_ISDIR(status.st_mode))
        throw Error(Fault::input, in_quotes(path) + " is a folder, not a file",
                    "name a file in it");
    return file;
}

Descriptor open_to_write(const std::filesystem::path& path) {
    Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!file)
        throw Error(Fault::usage,
                    "cannot open " + in_quotes(path) + " for writing: " + system_text(errno),
                    "check its permissions, or write to another place");
    return file;
}

std::uint64_t file_bytes(int file, const std::filesystem::path& path) {
    struct stat status {};
    if (::fstat(file, &status) != 0)
        throw Error(Fault::run, "cannot look at " + in_quotes(path) + ": " + system_text(errno),
                    "check the disk");
    return static_cast<std::uint64_t>(status.st_size);
}

void read_at(int file, void* to, std::size_t bytes, std::uint64_t offset,
             const std::filesystem::path& path) {
    auto* place = static_cast<std::byte*>(to);
    while (bytes > 0) {
        const ssize_t got =
            again([&] { return ::pread(file, place, bytes, static_cast<off_t>(offset)); });
        if (got < 0)
            throw Error(Fault::run, "cannot read " + in_quotes(path) + ": " + system_text(errno),
                        "check the disk");
        if (got == 0)
            throw Error(Fault::input,
                        in_quotes(path) + " is truncated: it ends at byte " +
                            std::to_string(offset) + ", " + std::to_string(bytes) +
                            " bytes are missing",
                        "copy or make it again");
        place += got;
        bytes -= static_cast<std::size_t>(got);
        offset += static_cast<std::uint64_t>(got);
    }
}

void write_at(int file, const void* from, std::size_t bytes, std::uint64_t offset,
              const std::filesystem::path& path) {
    const auto* place = static_cast<const std::byte*>(from);
    while (bytes > 0) {
        const ssize_t put =
            again([&] { return ::pwrite(file, place, bytes, static_cast<off_t>(offset)); });
        if (put <= 0) fail_write(path, put < 0 ? errno : ENOSPC);
        place += put;
        bytes -= static_cast<std::size_t>(put);
        offset += static_cast<std::uint64_t>(put);
    }
}

void reserve(int file, std::uint64_t bytes, const std::filesystem::path& path) {
    if (bytes == 0) return;  // which the call refuses
    struct rlimit limit {};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        bytes > limit.rlim_cur)
        fail_write(path, EFBIG);

    const auto size = static_cast<off_t>(bytes);
    if (again([&] { return ::fallocate(file, FALLOC_FL_KEEP_SIZE, 0, size); }) == 0) return;
    const int error = errno;
    if (error != EOPNOTSUPP && error != ENOSYS) fail_write(path, error);

    // No reservations on this file system: at least the space must be there now, where it can be
    // told.
    struct statvfs disk {};
    struct stat status {};
    if (::fstatvfs(file, &disk) != 0 || ::fstat(file, &status) != 0 || disk.f_blocks == 0) return;
    const std::uint64_t present = static_cast<std::uint64_t>(status.st_blocks) * 512;
    const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    if (bytes > present && bytes - present > free) fail_write(path, ENOSPC);
}

void release_surplus(int file) noexcept {
    struct stat status {};
    if (::fstat(file, &status) == 0 && ::ftruncate(file, status.st_size) != 0) return;
}

void sync_data(int file, const std::filesystem::path& path) {
    if (::fdatasync(file) != 0) fail_write(path, errno);
}

void sync_file(int file, const std::filesystem::path& path) {
    if (::fsync(file) != 0) fail_write(path, errno);
}

void sync_folder_of(const std::filesystem::path& path) {
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
    const Descriptor handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!handle) fail_write(folder, errno);
    // Some network file systems refuse to sync a folder: nothing more can be done there.
    if (::fsync(handle.number()) != 0 && errno != EINVAL) fail_write(folder, errno);
}

bool remove_leftovers(const std::filesystem::path& folder, const std::string& prefix,
                      const std::filesystem::path& own) {
    bool lives = false;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
        const std::filesystem::path name = entry.path().filename();
        if (!name.string().starts_with(prefix) || name == own.filename()) continue;
        const Descriptor file(::open(entry.path().c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
        if (!file) continue;
        if (::flock(file.number(), LOCK_EX | LOCK_NB) == 0)
            ::unlink(entry.path().c_str());
        else
            lives = lives || errno == EWOULDBLOCK;  // else: a file system without locks
    }
    return lives;
}

}  // namespace narrows::storage
