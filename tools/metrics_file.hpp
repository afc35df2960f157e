// --metrics FILE: how a run goes, in Prometheus' text form, for a node exporter's textfile
// collector. The file is written aside and renamed, once a second at most and at the end.
#pragma once

#include <chrono>
#include <string>

#include "pipeline/flow/run.hpp"
#include "tools/options.hpp"

namespace narrows::tools {

class MetricsFile {
public:
    // Empty path: does nothing. Throws Error{Fault::usage} where the file cannot be written.
    MetricsFile(std::string path, std::string verb);
    void update(const flow::Report& report);  // a failing write is warned of once, the run goes on
    void finish(int exit_code);

private:
    void write();
    std::string text() const;

    std::string path_, verb_;
    flow::Report last_;
    double rate_ = 0, started_, rate_since_ = 0;
    std::uint64_t rate_samples_ = 0;
    int exit_code_ = -1;  // while it runs
    bool failed_ = false;
    std::chrono::steady_clock::time_point written_;
};

// Calls body() with the file of --metrics, on the first rank; says in the file how it ended: with
// the exit code that it returns or, in an Error's case, means.
int with_metrics(const Common& common, const std::string& verb,
                 FunctionRef<int(MetricsFile&)> body);

}  // namespace narrows::tools
