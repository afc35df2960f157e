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

Pipeline parse(std::string_view text, std::string_view source, const registry::Registry& registry,
               std::span<const std::string> overrides) {
    Item document = read_document(text, source);
    Problems problems(source, text);
    for (const std::string& argument : overrides) apply_override(document, argument, problems);
    replace_variables(document, problems);

    const std::vector<std::string> tables{"schema", "run", "vars", "model", "node", "stage"};
    for (const Item::Entry& entry : document.table) {
        if (std::find(tables.begin(), tables.end(), entry.key) == tables.end())
            problems.add(entry.place, fmt::format("no table or key \"{}\" at the top of a pipeline", entry.key),
                         notes_for(entry.key, tables, "known"));
        const bool list = entry.key == "stage", value = entry.key == "schema";
        const Item::Kind kind = value ? Item::Kind::integer : list ? Item::Kind::array : Item::Kind::table;
        if (!value && entry.value.kind != kind &&
            std::find(tables.begin(), tables.end(), entry.key) != tables.end())
            problems.add(entry.value.place, fmt::format("\"{}\" must be {}, found {}", entry.key,
                                                        kind_name(kind), kind_name(entry.value.kind)));
    }
    const Item* schema = document.find("schema");
    if (schema == nullptr)
        problems.add({}, "no schema is stated", {"begin the file with schema = 1"});
    else if (schema->kind != Item::Kind::integer || schema->integer != 1)
        problems.add(schema->place, "this narrows reads schema 1", {"write schema = 1"});

    Pipeline pipeline;
    pipeline.source = source;
    pipeline.text = text;
    const Reading reading{document, registry, problems, text};
    read_run(reading, pipeline.run);
    read_models(reading, pipeline.models);
    read_nodes(reading, pipeline.models, pipeline.nodes);
    read_stages(reading, pipeline.nodes, pipeline.stages);
    problems.throw_if_any();
    check_wiring(reading, pipeline);
    problems.throw_if_any();
    return pipeline;
}

}  // namespace narrows::language
