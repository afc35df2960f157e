// The tables of a pipeline, one reader each: the second level of checking.
#pragma once

#include "pipeline/language/document.hpp"

namespace narrows::language {

// What every reader needs.
struct Reading {
    const Item& document;
    const registry::Registry& registry;
    Problems& problems;
    std::string_view text;  // the whole file
    // Of each node's inputs, in step with Pipeline::nodes: a reference may stand in an argument.
    std::vector<std::vector<Place>>& references;
    Outputs outputs = Outputs::named;
    // `[node.noisy]` as it stands in the text.
    Place head(const Item::Entry& entry, std::string_view prefix) const;
    // Complains about a name that no reference and no --set could hold.
    void check_name(const Item::Entry& entry, std::string_view what) const;
    // What helps with an unknown type: the nearest name, or its kind if it is of another, or all.
    std::vector<std::string> type_notes(Kind kind, const std::string& type) const;
};

// An integer within [low, high], or a complaint of `owner`.
void read_integer(const Reading& reading, const Item::Entry& entry, std::string_view owner,
                  std::int64_t low, std::int64_t high, std::int64_t& out);
void read_run(const Reading& reading, RunSpec& run);
void read_models(const Reading& reading, std::vector<ModelSpec>& models);
void read_nodes(const Reading& reading, const std::vector<ModelSpec>& models,
                std::vector<NodeSpec>& nodes);
void read_stages(const Reading& reading, const Pipeline& pipeline, std::vector<StageSpec>& stages);

// The third level: who reads from whom. Resolves bare references; adds warnings.
void check_wiring(const Reading& reading, Pipeline& pipeline);

}  // namespace narrows::language
