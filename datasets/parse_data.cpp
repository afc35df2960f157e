#include <charconv>

#include <fmt/format.h>

#include "datasets/dataset.hpp"

namespace narrows::datasets {
namespace {

bool read_number(std::string_view text, std::int64_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc{} && end == text.data() + text.size() && out >= 0;
}

}  // namespace

// From the back: @first:last, then :/dataset. What begins with "./" or an existing file that has
// these letters in its name is taken whole up to them.
DataSpec parse_data(std::string_view text) {
    DataSpec spec;
    std::string_view rest = text;
    const std::size_t at = rest.rfind('@');
    if (at != std::string_view::npos && rest.find('/', at) == std::string_view::npos) {
        const std::string_view range = rest.substr(at + 1);
        const std::size_t colon = range.find(':');
        std::int64_t first = 0, last = 0;
        const bool has_first = colon != std::string_view::npos && colon > 0;
        const bool has_last = colon != std::string_view::npos && colon + 1 < range.size();
        if (colon != std::string_view::npos &&
            (!has_first || read_number(range.substr(0, colon), first)) &&
            (!has_last || read_number(range.substr(colon + 1), last))) {
            if (has_first) spec.first = first;
            if (has_last) spec.last = last;
            rest = rest.substr(0, at);
        } else if (!std::filesystem::exists(std::filesystem::path(rest))) {
            throw Error(Fault::usage,
                        fmt::format("\"{}\": \"@{}\" is not a range of rows", text, range),
                        "write FILE@FIRST:LAST, for example digits.h5@0:1000");
        }
    }
    const std::size_t colon = rest.find(":/");
    if (colon != std::string_view::npos && colon > 0) {
        spec.dataset = std::string(rest.substr(colon + 1));
        rest = rest.substr(0, colon);
    }
    if (spec.first && spec.last && *spec.last < *spec.first)
        throw Error(Fault::usage, fmt::format("\"{}\": the range ends before it begins", text),
                    "write FILE@FIRST:LAST with FIRST not beyond LAST");
    if (rest.empty()) throw Error(Fault::usage, fmt::format("\"{}\" names no file", text));
    spec.file = std::string(rest);
    return spec;
}

std::vector<DataSpec> parse_data(std::span<const std::string> texts, const DataSpec& beside) {
    std::vector<DataSpec> all;
    for (const std::string& text : texts) {
        DataSpec named = parse_data(text);
        DataSpec& spec = all.emplace_back(beside);
        spec.file = std::move(named.file);
        if (!named.dataset.empty()) spec.dataset = std::move(named.dataset);
        spec.first = named.first;
        spec.last = named.last;
    }
    return all;
}

}  // namespace narrows::datasets
