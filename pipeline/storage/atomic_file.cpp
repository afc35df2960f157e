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
    throw Error(Fault::usage, "output " + in_quotes(path) + " is not writable: " + why,
                "choose another place, or change its permissions");
}

fs::path folder_of(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

std::string prefix_of(const fs::path& path, const char* kind) {
    return "." + path.filename().string() + "." + kind + "-";
}

// Another process may sweep between our open and our lock: the name must still be this file.
bool still_named(int file, const fs::path& path) {
    struct stat mine {
    }, named{};
    return ::fstat(file, &mine) == 0 && ::stat(path.c_str(), &named) == 0 &&
           mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
}

// Follows a link, and refuses what cannot become a file.
fs::path checked(fs::path path) {
    std::error_code ignored;
    if (!path.has_filename()) refuse(path, "it names a folder");
    if (fs::is_symlink(path, ignored)) path = fs::weakly_canonical(path, ignored);
    const fs::file_status status = fs::status(path, ignored);
    if (fs::is_directory(status)) refuse(path, "it is a folder");
    if (fs::exists(status) && !fs::is_regular_file(status)) refuse(path, "it is not a plain file");
    if (!fs::exists(folder_of(path), ignored))
        refuse(path, "the folder " + in_quotes(folder_of(path)) + " does not exist");
    return path;
}

// A new file that we hold locked.
int locked_file(const fs::path& path, const std::string& prefix, fs::path& name) {
    static std::atomic<unsigned> serial{0};
    for (int attempt = 0;; ++attempt) {
        name = folder_of(path) /
               (prefix + std::to_string(::getpid()) + "-" + std::to_string(serial++));
        const int file = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file < 0) {
            if (errno == EEXIST && attempt < 1000) continue;
            refuse(path, system_text(errno));
        }
        ::flock(file, LOCK_EX | LOCK_NB);
        if (still_named(file, name)) return file;
        ::close(file);
        if (attempt >= 1000) refuse(path, "temporary files vanish from its folder");
    }
}

// Our file stands already: of two that start at once, at least one sees the other.
int claim(const fs::path& path, const std::string& prefix, fs::path& name) {
    const int file = locked_file(path, prefix, name);
    try {
        // Another process that sweeps holds a lock for a moment, too.
        for (int attempt = 0; remove_leftovers(folder_of(path), prefix, name); ++attempt) {
            if (attempt >= 4)
                throw Error(Fault::usage,
                            "output " + in_quotes(path) + " is being written by another process",
                            "wait until it is done, or choose another output");
            ::usleep(20'000);
        }
    } catch (...) {  // out of memory, too: nobody has the file yet
        ::unlink(name.c_str());
        ::close(file);
        throw;
    }
    return file;
}

}  // namespace

AtomicFile::AtomicFile(fs::path path) : path_(checked(std::move(path))) {
    lock_ = claim(path_, prefix_of(path_, "tmp"), temporary_);
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
                    "cannot put " + in_quotes(path_) + " in its place: " + system_text(errno),
                    "check its folder");
    committed_ = true;
    sync_folder_of(path_);
    ::close(lock_);
    lock_ = -1;
}

OutputClaim::OutputClaim(fs::path path) : path_(checked(std::move(path))) {
    lock_ = claim(path_, prefix_of(path_, "run"), name_);
}

OutputClaim::~OutputClaim() {
    ::unlink(name_.c_str());
    ::close(lock_);
}

fs::path OutputClaim::waiting_name(const std::string& kind) const {
    const std::string prefix = prefix_of(path_, kind.c_str());
    remove_leftovers(folder_of(path_), prefix);
    return folder_of(path_) / (prefix + std::to_string(::getpid()));
}

void make_folder(const fs::path& folder) {
    std::error_code error;
    if (fs::is_directory(folder, error)) return;
    if (folder.has_parent_path()) make_folder(folder.parent_path());
    const bool made = fs::create_directory(folder, error);
    if (error)
        throw Error(Fault::usage,
                    "cannot make the folder " + in_quotes(folder) + ": " + error.message(),
                    "choose another place, or change its permissions");
    if (made) sync_folder_of(folder);
}

void write_text_atomically(const fs::path& path, std::string_view text) {
    AtomicFile file(path);
    const Descriptor out = open_to_write(file.temporary());
    reserve(out.number(), text.size(), path);
    write_at(out.number(), text.data(), text.size(), 0, path);
    file.commit();
}

}  // namespace narrows::storage
