#include "tools/console.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pipeline/language/language.hpp"
#include "tools/json_log.hpp"
#include "tools/streams.hpp"

namespace narrows::tools {
namespace {

constexpr double seconds_between_lines = 5;

bool on_terminal() {
    return isatty(STDERR_FILENO) == 1;
}

std::string coloured(std::string_view text, std::string_view code) {
    const char* no_color = std::getenv("NO_COLOR");
    if (!on_terminal() || (no_color != nullptr && *no_color != 0)) return std::string(text);
    return fmt::format("\033[{}m{}\033[0m", code, text);
}

std::string_view fault_name(Fault fault) {
    switch (fault) {
        case Fault::usage:
            return "usage";
        case Fault::plugin:
            return "plugin";
        case Fault::input:
            return "input";
        case Fault::run:
            break;
    }
    return "run";
}

nlohmann::ordered_json error_json(const Error& error) {
    nlohmann::ordered_json body;
    body["kind"] = fault_name(error.fault());
    body["exit_code"] = static_cast<int>(error.fault());
    body["message"] = error.what();
    if (!error.hint().empty()) body["hint"] = error.hint();
    if (const auto* all = dynamic_cast<const language::PipelineError*>(&error)) {
        for (const language::Diagnostic& d : all->diagnostics()) {
            nlohmann::ordered_json one{
                {"line", d.position.line}, {"column", d.position.column}, {"message", d.text}};
            if (!d.notes.empty()) one["notes"] = d.notes;
            if (!d.argument.empty()) one["argument"] = d.argument;
            body["diagnostics"].push_back(std::move(one));
        }
    } else if (error.position().line > 0) {
        body["line"] = error.position().line;
        body["column"] = error.position().column;
    }
    return {{"error", body}};
}

}  // namespace

int print_error(const Error& error, bool json) {
    if (logs_json()) log_line("error", error_json(error).at("error"));
    if (json) {  // a file name need not be UTF-8
        put(error_json(error).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
        return static_cast<int>(error.fault());
    }
    if (logs_json()) return static_cast<int>(error.fault());
    if (const auto* rendered = dynamic_cast<const RenderedError*>(&error)) {
        talk(rendered->rendered());
    } else if (dynamic_cast<const language::PipelineError*>(&error) != nullptr) {
        talk(fmt::format("{}\n", error.what()));
    } else {
        talk(fmt::format("{} {}\n", coloured("narrows: error:", "1;31"), error.what()));
        if (!error.hint().empty()) talk(fmt::format("    = {}\n", error.hint()));
    }
    return static_cast<int>(error.fault());
}

void say(const Common& common, const std::string& text) {
    if (common.quiet) return;
    if (logs_json())
        log_line("info", {{"message", text}});
    else
        talk(fmt::format("{}\n", text));
}

void detail(const Common& common, const std::string& text) {
    if (!common.verbose || common.quiet) return;
    if (logs_json())
        log_line("debug", {{"message", text}});
    else
        talk(fmt::format("{}\n", text));
}

void warn(const Common&, const std::string& text) {
    if (logs_json()) return log_line("warning", {{"message", text}});
    talk(fmt::format("{} {}\n", coloured("narrows: warning:", "1;33"), text));
}

std::string duration_text(double seconds) {
    if (seconds < 10) return fmt::format("{:.2f} s", seconds);
    if (seconds < 100) return fmt::format("{:.1f} s", seconds);
    const auto whole = static_cast<long>(std::lround(seconds));
    if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string bytes_text(double bytes) {
    if (bytes < 1e3) return fmt::format("{:.0f} bytes", bytes);
    if (bytes < 1e6) return fmt::format("{:.1f} kB", bytes / 1e3);
    if (bytes < 1e9) return fmt::format("{:.1f} MB", bytes / 1e6);
    return fmt::format("{:.2f} GB", bytes / 1e9);
}

std::string count_text(double count) {
    if (count < 1e4) return fmt::format("{:.0f}", count);
    if (count < 1e6) return fmt::format("{:.1f}k", count / 1e3);
    return fmt::format("{:.1f}M", count / 1e6);
}

Progress::Progress(const Common& common, std::string label)
    : common_(common),
      label_(std::move(label)),
      terminal_(on_terminal() && !logs_json()),
      last_line_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
    if (drawn_) talk("\r\033[K");
}

void Progress::show(const flow::Report& report) {
    if (common_.quiet) return;
    if (!bound_said_ && report.memory_bound > 0) {
        bound_said_ = true;
        say(common_,
            fmt::format("memory bound  {}", bytes_text(static_cast<double>(report.memory_bound))));
    }
    if (terminal_) draw(report);
    const auto now = std::chrono::steady_clock::now();
    const bool due =
        std::chrono::duration<double>(now - last_line_).count() >= seconds_between_lines;
    const bool wanted = common_.verbose ? report.epoch_finished : due && !terminal_;
    if (!wanted) return;
    last_line_ = now;
    line(report);
}

std::string Progress::numbers(const flow::Report& report, double rate) const {
    std::string text = fmt::format("{} samples/s", count_text(rate));
    if (report.epochs > 0) {
        const auto validation = report.metrics.find("validation_loss");
        if (!std::isnan(report.loss)) text += fmt::format("  loss {:.5g}", report.loss);
        if (report.epoch_finished && validation != report.metrics.end())
            text += fmt::format("  validation {:.5g}", validation->second);
    }
    if (rate > 0 && report.samples_total > report.samples_done)
        text += fmt::format(
            "  {} left",
            duration_text(static_cast<double>(report.samples_total - report.samples_done) / rate));
    return text;
}

void Progress::line(const flow::Report& report) {
    const double rate =
        report.seconds > 0 ? static_cast<double>(report.samples_done) / report.seconds : 0;
    const double part = report.samples_total == 0
                            ? 0
                            : 100.0 * static_cast<double>(report.samples_done) /
                                  static_cast<double>(report.samples_total);
    if (logs_json()) {
        nlohmann::ordered_json fields{{"event", "progress"}, {"verb", label_}};
        if (report.epochs > 0) {
            fields["epoch"] = report.epoch;
            fields["epochs"] = report.epochs;
            if (std::isfinite(report.loss)) fields["loss"] = report.loss;
        }
        fields["samples"] = report.samples_done;
        fields["samples_total"] = report.samples_total;
        fields["samples_per_second"] = rate;
        for (const auto& [name, value] : report.metrics)
            if (std::isfinite(value)) fields["metrics"][name] = value;
        return log_line("info", fields);
    }
    if (drawn_) talk("\r\033[K");
    drawn_ = false;
    if (report.epochs > 0)
        talk(fmt::format("{}  epoch {}/{}  {:3.0f} %  {}\n", label_, report.epoch, report.epochs,
                         part, numbers(report, rate)));
    else
        talk(fmt::format("{}  {:3.0f} %  {}\n", label_, part, numbers(report, rate)));
}

void Progress::draw(const flow::Report& report) {
    winsize window{};
    const int columns =
        ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 ? window.ws_col : 80;
    const double rate =
        report.seconds > 0 ? static_cast<double>(report.samples_done) / report.seconds : 0;
    const double part = report.samples_total == 0 ? 0
                                                  : static_cast<double>(report.samples_done) /
                                                        static_cast<double>(report.samples_total);
    std::string head = label_;
    if (report.epochs > 0) head += fmt::format("  {}/{}", report.epoch, report.epochs);
    const std::string tail = fmt::format(" {:3.0f} %  {}", 100 * part, numbers(report, rate));
    const int width = std::min(40, columns - static_cast<int>(head.size() + tail.size()) - 6);
    std::string text = head;
    if (width >= 5) {
        const auto filled = static_cast<std::size_t>(std::lround(part * width));
        text += "  [" + std::string(filled, '=') +
                std::string(static_cast<std::size_t>(width) - filled, ' ') + "]";
    }
    text += tail;
    if (static_cast<int>(text.size()) >= columns)
        text.resize(static_cast<std::size_t>(columns - 1));
    talk(fmt::format("\r{}\033[K", text));
    std::fflush(stderr);
    drawn_ = true;
}

}  // namespace narrows::tools
