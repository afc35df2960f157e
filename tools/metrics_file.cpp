#include "tools/metrics_file.hpp"

#include <cmath>

#include <fmt/format.h>

#include "pipeline/ranks/ranks.hpp"
#include "pipeline/storage/atomic_file.hpp"
#include "tools/console.hpp"

namespace narrows::tools {
namespace {

constexpr auto between_writes = std::chrono::seconds(1);

double unix_now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// A label's value: backslash, quote and line end are escaped.
std::string label(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n')
            out += "\\n";
        else if (c == '"' || c == '\\')
            out += std::string("\\") + c;
        else
            out += c;
    }
    return out;
}

}  // namespace

MetricsFile::MetricsFile(std::string path, std::string verb)
    : path_(std::move(path)), verb_(std::move(verb)), started_(unix_now()) {
    if (path_.empty()) return;
    storage::write_text_atomically(path_, text());
    written_ = std::chrono::steady_clock::now();
}

void MetricsFile::update(const flow::Report& report) {
    if (path_.empty()) return;
    std::map<std::string, double> metrics = std::move(last_.metrics);
    last_ = report;
    if (last_.metrics.empty()) last_.metrics = std::move(metrics);  // of the last epoch that ended
    if (report.seconds < rate_since_ || report.samples_done < rate_samples_) {
        rate_since_ = 0;  // a new stage counts anew
        rate_samples_ = 0;
    }
    const auto now = std::chrono::steady_clock::now();
    if (now - written_ < between_writes) return;
    if (report.seconds > rate_since_)
        rate_ = static_cast<double>(report.samples_done - rate_samples_) /
                (report.seconds - rate_since_);
    rate_since_ = report.seconds;
    rate_samples_ = report.samples_done;
    written_ = now;
    write();
}

void MetricsFile::finish(int exit_code) {
    if (path_.empty()) return;
    exit_code_ = exit_code;
    last_.in_flight = 0;
    if (last_.seconds > 0 && rate_ == 0)
        rate_ = static_cast<double>(last_.samples_done) / last_.seconds;
    write();
}

void MetricsFile::write() {
    try {
        storage::write_text_atomically(path_, text());
    } catch (const Error& error) {
        if (!failed_) warn(Common{}, fmt::format("metrics: {}; the run goes on", error.what()));
        failed_ = true;
    }
}

std::string MetricsFile::text() const {
    std::string out;
    const auto add = [&](std::string_view name, std::string_view type, std::string_view help,
                         double value, const std::string& more = {}) {
        if (!std::isfinite(value)) return;
        if (!help.empty())
            out +=
                fmt::format("# HELP narrows_{0} {1}\n# TYPE narrows_{0} {2}\n", name, help, type);
        out +=
            fmt::format("narrows_{}{{verb=\"{}\"{}}} {:.10g}\n", name, label(verb_), more, value);
    };
    const auto count = [](std::uint64_t n) { return static_cast<double>(n); };
    add("samples_total", "counter", "Samples that the run has dealt with, epochs included.",
        count(last_.samples_done));
    add("samples_expected", "gauge", "Samples of the whole run.", count(last_.samples_total));
    add("samples_per_second", "gauge", "Rate since the file was written last.", rate_);
    if (last_.epochs > 0) {
        add("epoch", "gauge", "Epoch that runs, from 1.", last_.epoch);
        add("epochs", "gauge", "Epochs of the whole run.", last_.epochs);
        add("loss", "gauge", "Mean training loss of the epoch so far.", last_.loss);
    }
    bool first = true;
    for (const auto& [name, value] : last_.metrics) {
        add("epoch_metric", "gauge", first ? "Means of the last finished epoch." : "", value,
            fmt::format(",name=\"{}\"", label(name)));
        first = first && !std::isfinite(value);
    }
    add("packets_in_flight", "gauge", "Packets between the source and the end of the graph.",
        count(last_.in_flight));
    add("packet_slots", "gauge", "Packets that can be in flight at once.", count(last_.slots));
    add("resident_memory_bytes", "gauge", "Resident memory of the process.",
        count(last_.resident_bytes));
    add("memory_bound_bytes", "gauge", "Memory that the run stays below.",
        count(last_.memory_bound));
    add("run_seconds", "counter", "Time since the graph started.", last_.seconds);
    add("start_time_seconds", "gauge", "Start of the run, Unix time.", started_);
    add("updated_time_seconds", "gauge", "When this file was written, Unix time.", unix_now());
    add("finished", "gauge", "1 when the run has ended, however it ended.",
        exit_code_ >= 0 ? 1 : 0);
    if (exit_code_ >= 0) add("exit_code", "gauge", "Exit code of the command.", exit_code_);
    return out;
}

int with_metrics(const Common& common, const std::string& verb,
                 FunctionRef<int(MetricsFile&)> body) {
    MetricsFile metrics(ranks::all().first() ? common.metrics : "", verb);
    try {
        const int exit_code = body(metrics);
        metrics.finish(exit_code);
        return exit_code;
    } catch (const Error& error) {
        metrics.finish(static_cast<int>(error.fault()));
        throw;
    } catch (...) {
        metrics.finish(static_cast<int>(Fault::run));
        throw;
    }
}

}  // namespace narrows::tools
