#include "pipeline/language/values.hpp"

#include <fmt/format.h>

namespace narrows::language {
namespace {

std::string_view expected(ParameterKind kind) {
    switch (kind) {
        case ParameterKind::integer:
            return "an integer";
        case ParameterKind::number:
            return "a number";
        case ParameterKind::flag:
            return "true or false";
        case ParameterKind::numbers:
            return "a list of numbers";
        case ParameterKind::texts:
            return "a text or a list of texts";
        default:
            return "a text";
    }
}

bool is_number(const Item& item) {
    return item.kind == Item::Kind::integer || item.kind == Item::Kind::number;
}

bool convert(const Item& item, ParameterKind kind, Value& value) {
    switch (kind) {
        case ParameterKind::integer:
            if (item.kind != Item::Kind::integer) return false;
            value.integer = item.integer;
            value.number = item.number;
            return true;
        case ParameterKind::number:
            if (!is_number(item)) return false;
            value.number = item.number;
            return true;
        case ParameterKind::flag:
            value.flag = item.flag;
            return item.kind == Item::Kind::flag;
        case ParameterKind::numbers:
            if (is_number(item)) value.numbers = {item.number};
            for (const Item& element : item.array) {
                if (!is_number(element)) return false;
                value.numbers.push_back(element.number);
            }
            return is_number(item) || item.kind == Item::Kind::array;
        case ParameterKind::texts:
            if (item.kind == Item::Kind::text) value.texts = {item.text};
            for (const Item& element : item.array) {
                if (element.kind != Item::Kind::text) return false;
                value.texts.push_back(element.text);
            }
            return item.kind == Item::Kind::text || item.kind == Item::Kind::array;
        default:
            value.text = item.text;
            return item.kind == Item::Kind::text;
    }
}

}  // namespace

bool read_value(const Item& item, const registry::ParameterInfo& parameter, std::string_view owner,
                Problems& problems, Setting& setting) {
    setting.name = parameter.name;
    setting.kind = parameter.kind;
    if (item.place.argument.empty()) setting.position = item.place.position;
    if (!convert(item, parameter.kind, setting.value)) {
        problems.add(item.place,
                     fmt::format("{}: \"{}\" must be {}, found {}", owner, parameter.name,
                                 expected(parameter.kind), kind_name(item.kind)));
        return false;
    }
    const std::string complaint = registry::complaint(parameter, setting.value);
    if (complaint.empty()) return true;
    std::vector<std::string> notes;
    if (parameter.kind == ParameterKind::choice)
        notes = notes_for(setting.value.text, parameter.choices);
    problems.add(item.place, fmt::format("{}: \"{}\" {}", owner, parameter.name, complaint), notes);
    return false;
}

bool must_be_given(const registry::ParameterInfo& parameter) {
    const bool number =
        parameter.kind == ParameterKind::integer || parameter.kind == ParameterKind::number;
    return parameter.required ||
           (number && !registry::complaint(parameter, parameter.fallback).empty());
}

bool is_default(const Setting& setting, const registry::ParameterInfo& parameter) {
    if (must_be_given(parameter)) return false;
    const Value &a = setting.value, &b = parameter.fallback;
    switch (parameter.kind) {
        case ParameterKind::integer:
            return a.integer == b.integer;
        case ParameterKind::number:
            return a.number == b.number;
        case ParameterKind::flag:
            return a.flag == b.flag;
        case ParameterKind::numbers:
            return a.numbers == b.numbers;
        case ParameterKind::texts:
            return a.texts == b.texts;
        default:
            return a.text == b.text;
    }
}

const registry::ParameterInfo* find_parameter(const registry::TypeInfo& type,
                                              const Item::Entry& entry, std::string_view owner,
                                              const registry::Registry& registry,
                                              Problems& problems,
                                              const std::vector<std::string>& reserved) {
    if (const auto* found = type.parameter(entry.key)) return found;
    std::vector<std::string> known = reserved;
    for (const auto& parameter : type.parameters) known.push_back(parameter.name);
    std::vector<std::string> notes;
    if (type.input(entry.key) != nullptr)
        notes = {fmt::format("{0} is an input: write in.{0} = \"NODE.PORT\"", entry.key)};
    if (notes.empty()) notes = notes_for(entry.key, known);
    if (notes.empty())
        for (const registry::TypeInfo* other : registry.types(type.kind))
            if (other->parameter(entry.key)) {
                notes.push_back(fmt::format("`{}` belongs to {}; this is {}", entry.key,
                                            other->type, type.type));
                break;
            }
    if (notes.empty()) {
        std::string list;
        for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
        if (!list.empty()) notes.push_back("known here: " + list);
    }
    problems.add(entry.place,
                 fmt::format("{}: {} has no parameter \"{}\"", owner, type.type, entry.key), notes);
    return nullptr;
}

}  // namespace narrows::language
