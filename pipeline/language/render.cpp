// Messages as people read them.
#include <algorithm>

#include <fmt/format.h>

#include "pipeline/language/document.hpp"
#include "pipeline/registry/suggest.hpp"

namespace narrows::language {
namespace {

std::string_view line_of(std::string_view text, std::uint32_t number) {
    for (; number > 1; --number) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) return {};
        text.remove_prefix(end + 1);
    }
    std::string_view line = text.substr(0, std::min(text.find('\n'), text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

// Under the span; tabs stay tabs, so that it stands where the text does. Never beyond the line.
std::string carets(std::string_view line, const Position& position) {
    std::string out;
    const std::size_t column = position.column ? position.column - 1 : 0;
    for (std::size_t i = 0; i < column; ++i) out += i < line.size() && line[i] == '\t' ? '\t' : ' ';
    const std::size_t room = line.size() > column ? line.size() - column : 1;
    const std::size_t length = std::clamp<std::size_t>(position.length, 1, room);
    return out + '^' + std::string(length - 1, '~');
}

}  // namespace

PipelineError::PipelineError(std::vector<Diagnostic> diagnostics, const std::string& rendered)
    : Error(Fault::usage, rendered), diagnostics_(std::move(diagnostics)) {}
PipelineError::~PipelineError() = default;

std::string render(const Diagnostic& diagnostic, std::string_view source, std::string_view text) {
    std::string out;
    const Position& at = diagnostic.position;
    if (!diagnostic.argument.empty())
        out = fmt::format("--set {}: error: {}\n      | {}\n      | {}\n", diagnostic.argument,
                          diagnostic.text, diagnostic.argument, carets(diagnostic.argument, at));
    else if (at.line == 0)
        out = fmt::format("{}: error: {}\n", source, diagnostic.text);
    else
        out = fmt::format("{}:{}:{}: error: {}\n{:>5} | {}\n      | {}\n", source, at.line, at.column,
                          diagnostic.text, at.line, line_of(text, at.line),
                          carets(line_of(text, at.line), at));
    for (const std::string& note : diagnostic.notes) out += "      = " + note + '\n';
    return out;
}

std::vector<std::string> suggest(std::string_view name, std::span<const std::string> known) {
    return registry::suggest(name, known);
}

std::vector<std::string> notes_for(std::string_view name, const std::vector<std::string>& known,
                                   std::string_view what) {
    if (!name.empty())
        if (const std::string near = registry::did_you_mean(name, known); !near.empty()) return {near};
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
