// Messages as people read them.
#include <algorithm>

#include <fmt/format.h>

#include "pipeline/language/document.hpp"
#include "pipeline/registry/suggest.hpp"

namespace narrows::language {
namespace {

constexpr std::size_t widest = 120;  // characters of a source line that are shown

bool continues(char c) {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// Nothing that a file says may steer the terminal.
std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\t') || byte == 0x7f)
            out += fmt::format("\\u{:04X}", unsigned{byte});
        else
            out += c;
    }
    return out;
}

// The line and the carets under it, character by character; a long line is cut around them.
std::string excerpt(std::string_view line, const Position& position, std::string_view margin) {
    std::vector<std::string_view> all;
    for (std::size_t at = 0; at < line.size();) {
        std::size_t end = at + 1;
        while (end < line.size() && continues(line[end])) ++end;
        all.push_back(line.substr(at, end - at));
        at = end;
    }
    const std::size_t column = position.column ? position.column - 1 : 0;
    const std::size_t first = all.size() > widest && column > widest / 2
                                  ? std::min(column - widest / 2, all.size() - widest)
                                  : 0;
    const std::size_t last = std::min(all.size(), first + widest);
    std::string shown = first > 0 ? "..." : "", under = first > 0 ? "   " : "";
    for (std::size_t i = first; i < last; ++i) {
        const auto byte = static_cast<unsigned char>(all[i][0]);
        const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f || continues(all[i][0]);
        shown += control ? "?" : all[i];
        if (i < column) under += byte == '\t' ? '\t' : ' ';
    }
    for (std::size_t i = std::max(last, first); i < column; ++i) under += ' ';
    if (last < all.size()) shown += "...";
    const std::size_t room = last > column ? last - column : 1;
    under += '^' + std::string(std::clamp<std::size_t>(position.length, 1, room) - 1, '~');
    return fmt::format("{} | {}\n      | {}\n", margin, shown, under);
}

}  // namespace

std::string_view line_of(std::string_view text, std::uint32_t number) {
    for (; number > 1; --number) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) return text.substr(text.size());
        text.remove_prefix(end + 1);
    }
    std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::size_t characters(std::string_view text) {
    return static_cast<std::size_t>(
        std::count_if(text.begin(), text.end(), [](char c) { return !continues(c); }));
}

bool is_name(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
}

PipelineError::PipelineError(std::vector<Diagnostic> diagnostics, const std::string& rendered)
    : Error(Fault::usage, rendered), diagnostics_(std::move(diagnostics)) {}
PipelineError::~PipelineError() = default;

std::string render(const Diagnostic& diagnostic, std::string_view source, std::string_view text) {
    std::string out;
    const Position& at = diagnostic.position;
    const std::string what = printable(diagnostic.text);
    if (!diagnostic.argument.empty())
        out = fmt::format("--set {}: error: {}\n{}", printable(diagnostic.argument), what,
                          excerpt(diagnostic.argument, at, "     "));
    else if (at.line == 0)
        out = fmt::format("{}: error: {}\n", source, what);
    else
        out = fmt::format("{}:{}:{}: error: {}\n{}", source, at.line, at.column, what,
                          excerpt(line_of(text, at.line), at, fmt::format("{:>5}", at.line)));
    for (const std::string& note : diagnostic.notes) out += "      = " + printable(note) + '\n';
    return out;
}

std::vector<std::string> suggest(std::string_view name, std::span<const std::string> known) {
    return registry::suggest(name, known);
}

std::vector<std::string> notes_for(std::string_view name, const std::vector<std::string>& known,
                                   std::string_view what) {
    if (!name.empty())
        if (const std::string near = registry::did_you_mean(name, known); !near.empty())
            return {near};
    if (what.empty() || known.empty()) return {};
    std::vector<std::string> sorted = known;
    std::sort(sorted.begin(), sorted.end());
    std::string list;
    for (const std::string& item : sorted) list += (list.empty() ? "" : ", ") + item;
    return {std::string(what) + ": " + list};
}

void Problems::add(const Place& place, std::string text, std::vector<std::string> notes) {
    found_.push_back({place.position, std::move(text), std::move(notes), place.argument});
}

// File order; what stands in no file comes first, arguments last.
void Problems::throw_if_any() {
    if (found_.empty()) return;
    std::stable_sort(found_.begin(), found_.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::tuple(!a.argument.empty(), a.position.line, a.position.column) <
               std::tuple(!b.argument.empty(), b.position.line, b.position.column);
    });
    std::string rendered;
    for (const Diagnostic& diagnostic : found_) rendered += render(diagnostic, source_, text_);
    rendered += fmt::format("{} error{} in {}; nothing was run", found_.size(),
                            found_.size() == 1 ? "" : "s", source_);
    throw PipelineError(std::move(found_), rendered);
}

}  // namespace narrows::language
