// What the registry knows, for people: the node manual.
#pragma once

#include "pipeline/registry/registry.hpp"

namespace narrows::registry {

// All types as one Markdown page, by kind and name; the same text for the same plugins.
NARROWS_PUBLIC std::string manual(const Registry& registry);

// "0.1", "\"relu\"", "true": a value as a pipeline would write it.
NARROWS_PUBLIC std::string value_text(ParameterKind kind, const Value& value);

}  // namespace narrows::registry
