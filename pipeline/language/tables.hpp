// The tables of a pipeline, one reader each: the second level of checking.
#pragma once

#include "pipeline/language/document.hpp"

namespace narrows::language {

// What every reader needs.
struct Reading {
    const Item& document;
    const registry::Registry& registry;
    Problems& problems;
    std::string_view text;             // the whole file
    // `[node.noisy]` as it stands in the text.
    Place head(const Item::Entry& entry, std::string_view prefix) const;
};

void read_run(const Reading& reading, RunSpec& run);
void read_models(const Reading& reading, std::vector<ModelSpec>& models);
void read_nodes(const Reading& reading, const std::vector<ModelSpec>& models,
                std::vector<NodeSpec>& nodes);
void read_stages(const Reading& reading, const std::vector<NodeSpec>& nodes,
                 std::vector<StageSpec>& stages);

// The third level: who reads from whom. Resolves bare references; adds warnings.
void check_wiring(const Reading& reading, Pipeline& pipeline);

}  // namespace narrows::language
