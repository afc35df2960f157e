#include <algorithm>

#include <fmt/format.h>

#include "pipeline/language/tables.hpp"

namespace narrows::language {

Place Reading::head(const Item::Entry& entry, std::string_view prefix) const {
    Place place = entry.place;
    if (!place.argument.empty()) return place;
    // The key of [node.noisy] begins behind "[node."; the head is the whole bracket.
    const auto before = static_cast<std::uint32_t>(prefix.size() + 2);
    if (place.position.column > before) {
        place.position.column -= before;
        place.position.length += before + 1;
    }
    return place;
}

void Reading::check_name(const Item::Entry& entry, std::string_view what) const {
    if (!is_name(entry.key))
        problems.add(
            entry.place,
            fmt::format("{} \"{}\": a name holds letters, digits, _ and - only", what, entry.key));
}

std::vector<std::string> Reading::type_notes(Kind kind, const std::string& type) const {
    std::vector<std::string> known;
    for (const auto* other : registry.types(kind)) known.push_back(other->type);
    if (std::vector<std::string> near = notes_for(type, known); !near.empty()) return near;
    if (kind != Kind::layer && registry.find(Kind::layer, type))
        return {fmt::format("{} is a layer: it stands in a model's encoder or decoder", type)};
    if (kind != Kind::node && registry.find(Kind::node, type))
        return {fmt::format("{} is a node: write [node.NAME] with type = \"{}\"", type, type)};
    if (kind != Kind::model && registry.find(Kind::model, type))
        return {fmt::format("{} is a model: write [model.NAME] with type = \"{}\"", type, type)};
    if (!known.empty()) return notes_for("", known, "known types");
    std::string folders;
    for (const auto& folder : registry.searched())
        folders += (folders.empty() ? "" : ", ") + folder.string();
    return {folders.empty() ? "no plugin is loaded" : "no plugin brings any; looked in " + folders};
}

Pipeline parse(std::string_view text, std::string_view source, const registry::Registry& registry,
               std::span<const std::string> overrides, Outputs outputs) {
    Item document = read_document(text, source);
    Problems problems(source, text);
    for (const std::string& argument : overrides) apply_override(document, argument, problems);
    replace_variables(document, problems);

    const std::vector<std::string> tables{"schema", "run", "vars", "model", "node", "stage"};
    for (const Item::Entry& entry : document.table) {
        if (std::find(tables.begin(), tables.end(), entry.key) == tables.end())
            problems.add(entry.place,
                         fmt::format("no table or key \"{}\" at the top of a pipeline", entry.key),
                         notes_for(entry.key, tables, "known"));
        const bool list = entry.key == "stage", value = entry.key == "schema";
        const Item::Kind kind = value  ? Item::Kind::integer
                                : list ? Item::Kind::array
                                       : Item::Kind::table;
        if (!value && entry.value.kind != kind &&
            std::find(tables.begin(), tables.end(), entry.key) != tables.end())
            problems.add(entry.value.place,
                         fmt::format("\"{}\" must be {}, found {}", entry.key, kind_name(kind),
                                     kind_name(entry.value.kind)));
    }
    const Item* schema = document.find("schema");
    if (schema == nullptr)
        problems.add({}, "no schema is stated", {"begin the file with schema = 1"});
    else if (schema->kind != Item::Kind::integer || schema->integer != 1)
        problems.add(schema->place, "this narrows reads schema 1", {"write schema = 1"});

    Pipeline pipeline;
    pipeline.source = source;
    pipeline.text = text;
    std::vector<std::vector<Place>> references;
    const Reading reading{document, registry, problems, text, references, outputs};
    read_run(reading, pipeline.run);
    read_models(reading, pipeline.models);
    read_nodes(reading, pipeline.models, pipeline.nodes);
    read_stages(reading, pipeline, pipeline.stages);
    problems.throw_if_any();
    check_wiring(reading, pipeline);
    problems.throw_if_any();
    return pipeline;
}

}  // namespace narrows::language
