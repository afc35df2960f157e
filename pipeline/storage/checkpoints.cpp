#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/bundle.hpp"
#include "pipeline/storage/file.hpp"

namespace narrows::storage {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kept = 2;  // the newest may turn out damaged

fs::path name_of(const fs::path& folder, std::uint64_t step) {
    char name[40];
    std::snprintf(name, sizeof name, "ckpt-%010llu.h5", static_cast<unsigned long long>(step));
    return folder / name;
}

// Steps that are there, newest first.
std::vector<std::uint64_t> steps_in(const fs::path& folder) {
    std::vector<std::uint64_t> steps;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
        unsigned long long step = 0;
        const std::string name = entry.path().filename().string();
        if (std::sscanf(name.c_str(), "ckpt-%llu.h5", &step) == 1 &&
            name_of(folder, step).filename() == name)
            steps.push_back(step);
    }
    std::sort(steps.rbegin(), steps.rend());
    return steps;
}

}  // namespace

void Checkpoints::save(const Bundle& bundle, std::uint64_t keep_step) const {
    make_folder(folder);
    remove_leftovers(folder, ".ckpt-");
    write_bundle(name_of(folder, bundle.step), bundle);

    std::size_t place = 0;
    for (const std::uint64_t step : steps_in(folder))
        if (place++ >= kept && step != keep_step && step != bundle.step)
            ::unlink(name_of(folder, step).c_str());
}

std::optional<Bundle> Checkpoints::latest() const {
    std::exception_ptr first;
    for (const std::uint64_t step : steps_in(folder)) {
        try {
            return at(step);
        } catch (const Error&) {
            if (!first) first = std::current_exception();
        }
    }
    // Checkpoints that are all damaged must not look like a run that never started.
    if (first) std::rethrow_exception(first);
    return std::nullopt;
}

std::optional<Bundle> Checkpoints::at(std::uint64_t step) const {
    const fs::path path = name_of(folder, step);
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return std::nullopt;
    return read_bundle(path, "narrows-checkpoint");
}

void Checkpoints::remove_all() const {
    const std::vector<std::uint64_t> steps = steps_in(folder);
    for (const std::uint64_t step : steps) ::unlink(name_of(folder, step).c_str());
    remove_leftovers(folder, ".ckpt-");
    // They must not come back after a power cut, beside what is written from here on.
    if (!steps.empty()) sync_folder_of(name_of(folder, steps[0]));
    if (::rmdir(folder.c_str()) == 0) sync_folder_of(folder);  // else something else is in it
}

}  // namespace narrows::storage
