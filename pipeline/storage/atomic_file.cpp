#include "pipeline/storage/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "pipeline/storage/file.hpp"

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
    throw Error(Fault::usage, "output " + quoted(path) + " is not writable: " + why,
                "choose another place, or change its permissions");
}

fs::path folder_of(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

std::string prefix_of(const fs::path& path) {
    return "." + path.filename().string() + ".tmp-";
}

// Another process may sweep between our open and our lock: the name must still be this file.
bool still_named(int file, const fs::path& path) {
    struct stat mine {
    }, named{};
    return ::fstat(file, &mine) == 0 && ::stat(path.c_str(), &named) == 0 &&
           mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)) {
    std::error_code ignored;
    if (!path_.has_filename()) refuse(path_, "it names a folder");
    if (fs::is_symlink(path_, ignored)) path_ = fs::weakly_canonical(path_, ignored);
    const fs::file_status status = fs::status(path_, ignored);
    if (fs::is_directory(status)) refuse(path_, "it is a folder");
    if (fs::exists(status) && !fs::is_regular_file(status)) refuse(path_, "it is not a plain file");
    if (!fs::exists(folder_of(path_), ignored))
        refuse(path_, "the folder " + quoted(folder_of(path_)) + " does not exist");

    remove_leftovers(folder_of(path_), prefix_of(path_));
    static std::atomic<unsigned> serial{0};
    for (int attempt = 0;; ++attempt) {
        temporary_ = folder_of(path_) / (prefix_of(path_) + std::to_string(::getpid()) + "-" +
                                         std::to_string(serial++));
        lock_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (lock_ < 0) {
            if (errno == EEXIST && attempt < 1000) continue;
            refuse(path_, system_text(errno));
        }
        ::flock(lock_, LOCK_EX | LOCK_NB);
        if (still_named(lock_, temporary_)) break;
        ::close(lock_);
        if (attempt >= 1000) refuse(path_, "temporary files vanish from its folder");
    }
}

AtomicFile::~AtomicFile() {
    if (!committed_) ::unlink(temporary_.c_str());
    if (lock_ >= 0) ::close(lock_);
}

void AtomicFile::commit() {
    // By name: a library may have put another file in the temporary's place.
    sync_file(open_to_read(temporary_).number(), path_);
    // Readers take a shared lock: from the rename on they must get it.
    ::flock(lock_, LOCK_SH | LOCK_NB);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
        throw Error(Fault::run,
                    "cannot put " + quoted(path_) + " in its place: " + system_text(errno),
                    "check its folder");
    committed_ = true;
    sync_folder_of(path_);
    ::close(lock_);
    lock_ = -1;
}

void write_text_atomically(const fs::path& path, std::string_view text) {
    AtomicFile file(path);
    const Descriptor out = open_to_write(file.temporary());
    reserve(out.number(), text.size(), path);
    write_at(out.number(), text.data(), text.size(), 0, path);
    file.commit();
}

}  // namespace narrows::storage
