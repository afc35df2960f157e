#include "pipeline/language/document.hpp"

#include <algorithm>

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

// First letter small, no full stop: as our own messages are.
std::string tidy(std::string_view text) {
    std::string out(text);
    if (!out.empty() && out[0] >= 'A' && out[0] <= 'Z') out[0] = static_cast<char>(out[0] + 32);
    while (!out.empty() && out.back() == '.') out.pop_back();
    return out;
}

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= path.size();) {
        const std::size_t dot = std::min(path.find('.', at), path.size());
        parts.emplace_back(path.substr(at, dot - at));
        at = dot + 1;
    }
    return parts;
}

void replace_in(Item& item, const Item* vars, Problems& problems) {
    for (Item& element : item.array) replace_in(element, vars, problems);
    for (Item::Entry& entry : item.table) replace_in(entry.value, vars, problems);
    if (item.kind != Item::Kind::text) return;
    for (std::size_t at = 0; (at = item.text.find("${", at)) != std::string::npos;) {
        const std::size_t end = item.text.find('}', at);
        if (end == std::string::npos) {
            problems.add(item.place, "\"${\" is not closed", {"write ${name}"});
            return;
        }
        const std::string name = item.text.substr(at + 2, end - at - 2);
        const Item* value = vars ? vars->find(name) : nullptr;
        if (value == nullptr || value->kind != Item::Kind::text) {
            std::vector<std::string> known;
            if (vars)
                for (const auto& entry : vars->table) known.push_back(entry.key);
            problems.add(item.place, "[vars] has no text \"" + name + "\"",
                         notes_for(name, known, "known variables"));
            return;
        }
        item.text.replace(at, end + 1 - at, value->text);
        at += value->text.size();
    }
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
        case Item::Kind::text: return "a text";
        case Item::Kind::integer: return "an integer";
        case Item::Kind::number: return "a number";
        case Item::Kind::flag: return "true or false";
        case Item::Kind::array: return "a list";
        case Item::Kind::table: return "a table";
        default: return "a date or time";
    }
}

Item read_document(std::string_view text, std::string_view source) {
    try {
        return convert(toml::parse(text, source), {});
    } catch (const toml::parse_error& error) {
        Problems problems(source, text);
        problems.add({position_of(error.source()), {}}, tidy(error.description()));
        problems.throw_if_any();
        throw;
    }
}

void apply_override(Item& document, const std::string& argument, Problems& problems) {
    const std::size_t equals = argument.find('=');
    const auto at = [&](std::size_t column, std::size_t length) {
        return Place{{1, static_cast<std::uint32_t>(column + 1),
                      static_cast<std::uint32_t>(std::max<std::size_t>(1, length))},
                     argument};
    };
    if (equals == std::string::npos || equals == 0) {
        problems.add(at(0, argument.size()), "expected PATH=VALUE",
                     {"for example --set node.noisy.sigma=0.5"});
        return;
    }
    const std::vector<std::string> path = split(std::string_view(argument).substr(0, equals));
    const std::string value = argument.substr(equals + 1);
    Item item;
    try {
        const toml::table parsed = toml::parse("v = " + value);
        item = convert(*parsed.get("v"), argument);
        item.place = at(equals + 1, value.size());
    } catch (const toml::parse_error&) {  // digits.h5 needs no quotes
        item.kind = Item::Kind::text;
        item.text = value;
        item.place = at(equals + 1, value.size());
    }
    Item* table = &document;
    std::size_t column = 0;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
        Item* next = table->find(path[i]);
        if (next == nullptr && (i == 0 || path[i] == "in")) {  // [run], [vars], `in` may be new
            table->table.push_back({path[i], at(column, path[i].size()), Item{}});
            next = &table->table.back().value;
            next->place = at(column, path[i].size());
        }
        if (next == nullptr || next->kind != Item::Kind::table) {
            std::vector<std::string> known;
            for (const auto& entry : table->table) known.push_back(entry.key);
            problems.add(at(column, path[i].size()), "there is no \"" + path[i] + "\" in this pipeline",
                         notes_for(path[i], known, "known names"));
            return;
        }
        table = next;
        column += path[i].size() + 1;
    }
    if (Item* old = table->find(path.back())) *old = std::move(item);
    else table->table.push_back({path.back(), at(column, path.back().size()), std::move(item)});
}

void replace_variables(Item& document, Problems& problems) {
    const Item* found = document.find("vars");
    const std::optional<Item> vars = found ? std::optional<Item>(*found) : std::nullopt;
    for (Item::Entry& entry : document.table)
        if (entry.key != "vars") replace_in(entry.value, vars ? &*vars : nullptr, problems);
}

}  // namespace narrows::language
