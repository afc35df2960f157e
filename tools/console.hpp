// Talk: progress, warnings and errors, all on stderr. One rule: nothing here ever reaches stdout,
// which is for data and results, except the JSON form of an error.
#pragma once

#include <chrono>
#include <string>

#include "pipeline/flow/run.hpp"
#include "tools/options.hpp"

namespace narrows::tools {

// Prints an error as text, or as {"error": {...}} on stdout; returns the exit code.
int print_error(const Error& error, bool json);

// An error whose text is already the whole message with its place in a pipeline file.
class RenderedError final : public Error {
public:
    RenderedError(const Error& cause, std::string rendered)
        : Error(cause.fault(), cause.what(), cause.hint(), cause.position()),
          rendered_(std::move(rendered)) {}
    const std::string& rendered() const { return rendered_; }

private:
    std::string rendered_;
};

void say(const Common& common, const std::string& text);     // unless --quiet
void detail(const Common& common, const std::string& text);  // with --verbose
void warn(const Common& common, const std::string& text);

// "1.2 s", "3 min 5 s", "2 h 10 min"; "142 MB"; "33.1k"
std::string duration_text(double seconds);
std::string bytes_text(double bytes);
std::string count_text(double count);

// A bar with rate and time left on a terminal, a line every few seconds otherwise.
class Progress {
public:
    Progress(const Common& common, std::string label);
    ~Progress();  // takes the bar away
    void show(const flow::Report& report);

private:
    void draw(const flow::Report& report);
    void line(const flow::Report& report);
    std::string numbers(const flow::Report& report, double rate) const;

    const Common& common_;
    std::string label_;
    bool terminal_, drawn_ = false, bound_said_ = false;
    std::chrono::steady_clock::time_point last_line_;
};

}  // namespace narrows::tools
