// Outputs appear under their name when they are whole: temp beside the place, fsync, rename, fsync
// of the folder. One rule: whatever is killed, the old file or the new one is there, never a mix.
#pragma once

#include <filesystem>

#include "pipeline/node.hpp"

namespace narrows::storage {

class NARROWS_PUBLIC AtomicFile {
public:
    // Makes a temporary name beside `path` and checks that the folder can be written (Error,
    // Fault::usage, "output not writable"), and that nobody else is writing the same output.
    // Removes temporaries that dead processes left behind.
    explicit AtomicFile(std::filesystem::path path);
    ~AtomicFile();  // removes the temporary unless committed
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;
    const std::filesystem::path& temporary() const { return temporary_; }
    const std::filesystem::path& path() const { return path_; }
    void commit();  // fsync, rename, fsync(folder); throws Error

private:
    std::filesystem::path path_, temporary_;
    int lock_ = -1;  // holds a flock on the temporary: says that its owner lives
    bool committed_ = false;
};

// Keeps others from the same output while a run goes on whose file is written at its end only: they
// are refused (Fault::usage). Goes with the process, however it ends.
class NARROWS_PUBLIC OutputClaim {
public:
    explicit OutputClaim(std::filesystem::path path);
    ~OutputClaim();
    OutputClaim(const OutputClaim&) = delete;
    OutputClaim& operator=(const OutputClaim&) = delete;
    // A hidden name beside the output, of no other process, for what has to wait until the end;
    // what runs that were killed left under such names goes.
    std::filesystem::path waiting_name(const std::string& kind) const;

private:
    std::filesystem::path path_, name_;
    int lock_ = -1;
};

// Makes a folder, with those above it, so that it is there after a power cut. Nothing where it is
// there already. Throws Error{Fault::usage}.
NARROWS_PUBLIC void make_folder(const std::filesystem::path& folder);

NARROWS_PUBLIC void write_text_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace narrows::storage
