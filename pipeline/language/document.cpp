#include "pipeline/language/document.hpp"

#include <algorithm>
#include <optional>

#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace narrows::language {
namespace {

Position position_of(const toml::source_region& region) {
    Position position{region.begin.line, region.begin.column, 1};
    if (region.end.line == region.begin.line && region.end.column > region.begin.column)
        position.length = region.end.column - region.begin.column;
    return position;
}

Item convert(const toml::node& node, std::string_view argument) {
    Item item;
    item.place = {position_of(node.source()), std::string(argument)};
    if (const auto* text = node.as_string()) {
        item.kind = Item::Kind::text;
        item.text = text->get();
    } else if (const auto* integer = node.as_integer()) {
        item.kind = Item::Kind::integer;
        item.integer = integer->get();
        item.number = static_cast<double>(item.integer);
    } else if (const auto* number = node.as_floating_point()) {
        item.kind = Item::Kind::number;
        item.number = number->get();
    } else if (const auto* flag = node.as_boolean()) {
        item.kind = Item::Kind::flag;
        item.flag = flag->get();
    } else if (const auto* array = node.as_array()) {
        item.kind = Item::Kind::array;
        for (const toml::node& element : *array) item.array.push_back(convert(element, argument));
    } else if (const auto* table = node.as_table()) {
        item.kind = Item::Kind::table;
        for (const auto& [key, value] : *table)
            item.table.push_back({std::string(key.str()),
                                  {position_of(key.source()), std::string(argument)},
                                  convert(value, argument)});
        std::stable_sort(item.table.begin(), item.table.end(), [](const auto& a, const auto& b) {
            return std::pair(a.place.position.line, a.place.position.column) <
                   std::pair(b.place.position.line, b.place.position.column);
        });
    } else {
        item.kind = Item::Kind::other;
    }
    return item;
}

struct SyntaxError {
    Position position;
    std::string text;
    std::vector<std::string> notes;
};

// In our own words: "Error while parsing string: X." becomes "syntax: X".
SyntaxError explained(const toml::parse_error& error, std::string_view text) {
    std::string what(error.description());
    constexpr std::string_view lead = "Error while parsing ";
    if (const std::size_t colon = what.find(": ");
        what.starts_with(lead) && colon != std::string::npos)
        what.erase(0, colon + 2);
    while (what.ends_with('.')) what.pop_back();
    const Position at = position_of(error.source());
    if (what.starts_with("unescaped control characters") &&
        at.column > characters(line_of(text, at.line)))
        return {
            at, "syntax: a text is not closed before the end of its line", {"close it with \""}};
    return {at, "syntax: " + what, {}};
}

std::optional<SyntaxError> first_error(std::string_view text) {
    try {
        static_cast<void>(toml::parse(text));
        return {};
    } catch (const toml::parse_error& error) {
        return explained(error, text);
    }
}

std::size_t offset_of(std::string_view text, std::uint32_t line) {
    return static_cast<std::size_t>(line_of(text, line).data() - text.data());
}

bool is_header(std::string_view line) {
    const std::size_t first = line.find_first_not_of(" \t");
    return first != std::string_view::npos && line[first] == '[';
}

// Takes the wrong statement that ends in `line` out of the text, so that reading can go on behind
// it. False where its extent is uncertain: what came next would be complaints about nothing.
bool take_out(std::string& text, std::uint32_t line) {
    std::uint32_t first = line;  // an unfinished statement is noticed a line later
    while (first > 1 && first_error(std::string_view(text).substr(0, offset_of(text, first)))) {
        if (first + 1 == line || is_header(line_of(text, first))) return false;
        --first;
    }
    const std::string_view begin = line_of(text, first);
    const bool header = is_header(begin);
    const auto opened =
        std::count_if(begin.begin(), begin.end(), [](char c) { return c == '[' || c == '{'; });
    const auto closed =
        std::count_if(begin.begin(), begin.end(), [](char c) { return c == ']' || c == '}'; });
    const bool block = begin.find("\"\"\"") != std::string_view::npos ||
                       begin.find("'''") != std::string_view::npos;
    if (block || (!header && opened > closed)) return false;
    // The keys below a wrong head belong to no other table.
    std::string instead = header ? "[\"?" + std::to_string(first) + "\"]" : "";
    instead.append(line - first, '\n');
    const std::string_view end = line_of(text, line);
    const std::size_t at = offset_of(text, first);
    text.replace(at, static_cast<std::size_t>(end.data() - text.data()) + end.size() - at, instead);
    return true;
}

}  // namespace

const Item* Item::find(std::string_view key) const {
    for (const Entry& entry : table)
        if (entry.key == key) return &entry.value;
    return nullptr;
}
Item* Item::find(std::string_view key) {
    return const_cast<Item*>(static_cast<const Item*>(this)->find(key));
}

std::string_view kind_name(Item::Kind kind) {
    switch (kind) {
        case Item::Kind::text:
            return "a text";
        case Item::Kind::integer:
            return "an integer";
        case Item::Kind::number:
            return "a number";
        case Item::Kind::flag:
            return "true or false";
        case Item::Kind::array:
            return "a list";
        case Item::Kind::table:
            return "a table";
        default:
            return "a date or time";
    }
}

// Syntax errors in number: enough to see what is going on, few enough to read.
constexpr std::size_t most_syntax_errors = 20;

Item read_document(std::string_view text, std::string_view source) {
    try {
        return convert(toml::parse(text, source), {});
    } catch (const toml::parse_error& error) {
        Problems problems(source, text);
        SyntaxError found = explained(error, text);
        problems.add({found.position, {}}, found.text, found.notes);
        std::string rest(text);
        for (std::size_t count = 1; count < most_syntax_errors; ++count) {
            const std::uint32_t line = found.position.line;
            if (!take_out(rest, line)) break;
            std::optional<SyntaxError> next = first_error(rest);
            if (!next || next->position.line <= line) break;
            found = *std::move(next);
            problems.add({found.position, {}}, found.text, found.notes);
        }
        problems.throw_if_any();
        throw;
    }
}

namespace {

void move_right(Item& item, std::int64_t columns) {
    const auto move = [&](Position& position) {
        position.column =
            static_cast<std::uint32_t>(std::max<std::int64_t>(1, position.column + columns));
    };
    move(item.place.position);
    for (Item& element : item.array) move_right(element, columns);
    for (Item::Entry& entry : item.table) {
        move(entry.place.position);
        move_right(entry.value, columns);
    }
}

}  // namespace

std::optional<Item> read_fragment(std::string_view value, const Place& place) {
    constexpr std::string_view key = "v = ";
    try {
        const toml::table parsed = toml::parse(std::string(key) + std::string(value));
        if (parsed.size() != 1) return {};
        Item item = convert(*parsed.get("v"), place.argument);
        move_right(item,
                   std::int64_t{place.position.column} - 1 - static_cast<std::int64_t>(key.size()));
        item.place = place;
        return item;
    } catch (const toml::parse_error&) {
        return {};
    }
}

}  // namespace narrows::language
