#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pipeline/language/language.hpp"
#include "pipeline/registry/describe.hpp"
#include "tools/console.hpp"
#include "tools/did_you_mean.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

using nlohmann::ordered_json;
using registry::ParameterInfo;
using registry::PortInfo;
using registry::TypeInfo;

std::string_view kind_text(ParameterKind kind) {
    switch (kind) {
        case ParameterKind::integer:
            return "integer";
        case ParameterKind::number:
            return "number";
        case ParameterKind::flag:
            return "flag";
        case ParameterKind::text:
            return "text";
        case ParameterKind::choice:
            return "choice";
        case ParameterKind::numbers:
            return "numbers";
        case ParameterKind::texts:
            return "texts";
    }
    return "text";
}

std::string_view need_text(Need need) {
    return need == Need::required   ? "required"
           : need == Need::optional ? "optional"
                                    : "one or more";
}

std::string default_text(const ParameterInfo& p) {
    if (p.required) return "required";
    switch (p.kind) {
        case ParameterKind::integer:
            return fmt::format("{}", p.fallback.integer);
        case ParameterKind::number:
            return fmt::format("{:g}", p.fallback.number);
        case ParameterKind::flag:
            return p.fallback.flag ? "true" : "false";
        case ParameterKind::text:
        case ParameterKind::choice:
            return "\"" + p.fallback.text + "\"";
        default:
            return "[]";
    }
}

std::string range_text(const ParameterInfo& p) {
    if (p.kind == ParameterKind::choice) {
        std::string text;
        for (const std::string& c : p.choices) text += (text.empty() ? "" : "|") + c;
        return text;
    }
    if (p.kind == ParameterKind::integer || p.kind == ParameterKind::number)
        return fmt::format("{} in [{:g}, {:g}]", kind_text(p.kind), p.low, p.high);
    return std::string(kind_text(p.kind));
}

std::string threads_text(Threads threads) {
    return threads == Threads::serial    ? "serial"
           : threads == Threads::ordered ? "ordered"
                                         : "parallel";
}

std::string text_of(const TypeInfo& type) {
    std::string out =
        fmt::format("{}  ({}, plugin {}{})\n{}\n", type.type, to_string(type.kind), type.plugin,
                    type.kind == Kind::node ? ", " + threads_text(type.threads) : "", type.summary);
    const auto port = [&](const PortInfo& p, bool input) {
        out += fmt::format(
            "  {:<14} {:<18} {}{}\n", (input ? "in." : "out ") + p.name, p.type, p.doc,
            input && p.need != Need::required ? fmt::format(" ({})", need_text(p.need)) : "");
    };
    if (!type.inputs.empty() || !type.outputs.empty()) out += "\nports\n";
    for (const PortInfo& p : type.inputs) port(p, true);
    for (const PortInfo& p : type.outputs) port(p, false);
    if (type.model) out += fmt::format("  {:<14} {:<18} {}\n", "model", "", need_text(*type.model));
    if (!type.parameters.empty()) out += "\nparameters\n";
    for (const ParameterInfo& p : type.parameters)
        out += fmt::format("  {:<14} {:<18} {}{} ({})\n", p.name, default_text(p), p.doc,
                           p.unit.empty() ? "" : ", " + p.unit, range_text(p));
    return out;
}

ordered_json default_json(const ParameterInfo& p) {
    switch (p.kind) {
        case ParameterKind::integer:
            return p.fallback.integer;
        case ParameterKind::number:
            return p.fallback.number;
        case ParameterKind::flag:
            return p.fallback.flag;
        case ParameterKind::text:
        case ParameterKind::choice:
            return p.fallback.text;
        default:
            return ordered_json::array();
    }
}

ordered_json json_of(const TypeInfo& type) {
    ordered_json out{{"type", type.type},
                     {"kind", to_string(type.kind)},
                     {"plugin", type.plugin},
                     {"summary", type.summary}};
    const auto ports = [](const std::vector<PortInfo>& list) {
        ordered_json out_list = ordered_json::array();
        for (const PortInfo& p : list)
            out_list.push_back(
                {{"name", p.name}, {"type", p.type}, {"doc", p.doc}, {"need", need_text(p.need)}});
        return out_list;
    };
    if (type.kind == Kind::node) {
        out["threads"] = threads_text(type.threads);
        out["source"] = type.source;
        out["model"] = type.model ? ordered_json(need_text(*type.model)) : ordered_json(nullptr);
        out["inputs"] = ports(type.inputs);
        out["outputs"] = ports(type.outputs);
    }
    out["parameters"] = ordered_json::array();
    for (const ParameterInfo& p : type.parameters) {
        ordered_json one{{"name", p.name}, {"kind", kind_text(p.kind)}, {"doc", p.doc}};
        if (!p.unit.empty()) one["unit"] = p.unit;
        if (p.required)
            one["required"] = true;
        else
            one["default"] = default_json(p);
        if (p.kind == ParameterKind::integer || p.kind == ParameterKind::number)
            one["range"] = {p.low, p.high};
        if (!p.choices.empty()) one["choices"] = p.choices;
        out["parameters"].push_back(std::move(one));
    }
    return out;
}

std::vector<const TypeInfo*> all_types(const registry::Registry& registry) {
    std::vector<const TypeInfo*> all;
    for (const Kind kind : {Kind::node, Kind::model, Kind::layer, Kind::format})
        for (const TypeInfo* type : registry.types(kind)) all.push_back(type);
    return all;
}

}  // namespace

int nodes(CommandLine& line) {
    std::string name;
    bool manual = false;
    line.positional("TYPE", name, "show this type whole", false);
    line.flag("--manual", manual, "all types as one Markdown page");
    line.parse();
    const Common& common = line.common();
    const recipes::Session session = make_session(common);
    if (manual) {
        fmt::print("{}", registry::manual(session.registry()));
        return 0;
    }
    std::vector<const TypeInfo*> types = all_types(session.registry());
    if (!name.empty()) {
        std::vector<std::string> known;
        for (const TypeInfo* type : types) known.push_back(type->type);
        std::erase_if(types, [&](const TypeInfo* type) { return type->type != name; });
        if (types.empty()) {
            const auto close = language::suggest(name, known);
            throw Error(
                Fault::usage, fmt::format("no node, model, layer or format type \"{}\"", name),
                close.empty()
                    ? "narrows nodes lists them; narrows plugins -v shows where they come from"
                    : did_you_mean(close));
        }
    }
    if (common.json) {
        ordered_json list = ordered_json::array();
        for (const TypeInfo* type : types) list.push_back(json_of(*type));
        fmt::print("{}\n", ordered_json{{"types", list}}.dump(2));
        return 0;
    }
    if (!name.empty()) {
        for (const TypeInfo* type : types) fmt::print("{}", text_of(*type));
        return 0;
    }
    std::size_t width = 0;
    for (const TypeInfo* type : types) width = std::max(width, type->type.size());
    Kind kind = Kind::node;
    for (const TypeInfo* type : types) {
        if (type->kind != kind) fmt::print("\n{}s\n", to_string(type->kind));
        kind = type->kind;
        fmt::print("{:<{}}  {}\n", type->type, width, type->summary);
    }
    return 0;
}

}  // namespace narrows::tools
