// Runs the built command in a folder of its own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace narrows::test {

struct Outcome {
    int code = -1;  // exit code
    std::string out, err;
    nlohmann::json json() const { return nlohmann::json::parse(out); }
};

class Folder {
public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    const std::filesystem::path& path() const { return path_; }
    // The words after `narrows`, as a shell reads them. `before`: "NARROWS_THREADS=1" or the like.
    Outcome narrows(const std::string& words, const std::string& before = {}) const;
    // narrows() that must give 0.
    Outcome must(const std::string& words) const;
    // narrows() that must fail with this exit code and say `text`.
    void refuses(const std::string& words, int code, const std::string& text) const;
    // A shell's command line in the folder, with the built command first on its PATH.
    Outcome shell(const std::string& command) const;
    void write(const std::string& name, const std::string& text) const;
    std::string read(const std::string& name) const;
    std::vector<std::string> names() const;  // sorted; what lies in the folder
    bool has(const std::string& name) const;

private:
    Outcome run(const std::string& words) const;
    std::filesystem::path path_;
};

// Says so where it is missing.
bool has_h5py();

}  // namespace narrows::test
