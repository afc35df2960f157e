// Whole commands as a user types them, each in a process of its own, in a folder that goes
// afterwards.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace narrows::tools::benchmarks {

struct Finished {
    double seconds = 0;          // wall clock, from start to end of the process
    std::size_t peak_bytes = 0;  // resident
    nlohmann::json results;      // what --json gave, if it was asked for
};

class Workshop {
public:
    Workshop();  // throws Error(run) where no folder can be made
    ~Workshop();
    Workshop(const Workshop&) = delete;
    Workshop& operator=(const Workshop&) = delete;
    const std::filesystem::path& folder() const { return folder_; }
    // This very command with these arguments, in the folder; throws Error with what it said if it
    // fails.
    Finished run(const std::vector<std::string>& arguments) const;
    void write(const std::string& file, const std::string& text) const;

private:
    std::filesystem::path folder_;
};

}  // namespace narrows::tools::benchmarks
