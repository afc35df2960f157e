#include "pipeline/registry/describe.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace narrows::registry {
namespace {

std::string_view need_text(Need need) {
    return need == Need::required ? "" : need == Need::optional ? " (optional)" : " (one or more)";
}

std::string range_text(const ParameterInfo& p) {
    switch (p.kind) {
        case ParameterKind::integer:
        case ParameterKind::number:
            return fmt::format("{:g} to {:g}", p.low, p.high);
        case ParameterKind::choice:
            return fmt::format("{}", fmt::join(p.choices, ", "));
        case ParameterKind::flag:
            return "true, false";
        case ParameterKind::text:
            return "text";
        case ParameterKind::numbers:
            return "list of numbers";
        case ParameterKind::texts:
            return "text or list of texts";
    }
    return {};
}

std::string fallback_text(const ParameterInfo& p) {
    return p.required ? "required" : value_text(p.kind, p.fallback);
}

std::string_view threads_text(Threads threads) {
    return threads == Threads::parallel  ? "packets in parallel"
           : threads == Threads::ordered ? "one packet at a time, in order"
                                         : "one packet at a time";
}

void manual_of(std::string& page, const TypeInfo& type) {
    page += fmt::format("\n### `{}`\n\n{}", type.type, type.summary);
    if (type.kind == Kind::node)
        page += fmt::format(" Plugin `{}`; {}.", type.plugin, threads_text(type.threads));
    if (type.model)
        page += *type.model == Need::required ? " Binds a model." : " May bind a model.";
    page += "\n";
    if (!type.inputs.empty() || !type.outputs.empty()) {
        page += "\n| port | type | |\n|---|---|---|\n";
        for (const auto& port : type.inputs)
            page += fmt::format("| in `{}` | `{}` | {}{} |\n", port.name, port.type, port.doc,
                                need_text(port.need));
        for (const auto& port : type.outputs)
            page += fmt::format("| out `{}` | `{}` | {} |\n", port.name, port.type, port.doc);
    }
    if (type.parameters.empty()) return;
    page += "\n| parameter | default | range | |\n|---|---|---|---|\n";
    for (const auto& p : type.parameters)
        page += fmt::format("| `{}` | {} | {} | {}{} |\n", p.name, fallback_text(p), range_text(p),
                            p.doc, p.unit.empty() ? "" : " (" + p.unit + ")");
}

}  // namespace

std::string value_text(ParameterKind kind, const Value& value) {
    switch (kind) {
        case ParameterKind::integer:
            return fmt::format("{}", value.integer);
        case ParameterKind::number:
            return fmt::format("{:g}", value.number);
        case ParameterKind::flag:
            return value.flag ? "true" : "false";
        case ParameterKind::numbers:
            return fmt::format("[{:g}]", fmt::join(value.numbers, ", "));
        case ParameterKind::texts:
            return value.texts.empty() ? "[]"
                                       : fmt::format("[\"{}\"]", fmt::join(value.texts, "\", \""));
        default:
            return "\"" + value.text + "\"";
    }
}

std::string manual(const Registry& registry) {
    std::string page =
        "# Nodes, models and layers\n\n"
        "Generated from the loaded plugins by `narrows nodes --manual`; a test holds it up to "
        "date.\n";
    const std::pair<Kind, std::string_view> parts[] = {{Kind::node, "Nodes"},
                                                       {Kind::model, "Models"},
                                                       {Kind::layer, "Layers"},
                                                       {Kind::format, "Formats"}};
    for (const auto& [kind, title] : parts) {
        if (registry.types(kind).empty()) continue;
        page += fmt::format("\n## {}\n", title);
        if (kind == Kind::layer)
            page +=
                "\nIn a model's list a layer is a table with its type as a key: `{ dense = 256, "
                "act = \"relu\" }`.\n";
        for (const auto* type : registry.types(kind)) manual_of(page, *type);
    }
    return page;
}

}  // namespace narrows::registry
