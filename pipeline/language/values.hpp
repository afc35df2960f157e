// A TOML value as the value of a parameter.
#pragma once

#include "pipeline/language/document.hpp"

namespace narrows::language {

// Checks kind and range; false after a complaint: "parameter "sigma" must lie in [0, 10], found
// 11".
bool read_value(const Item& item, const registry::ParameterInfo& parameter, std::string_view owner,
                Problems& problems, Setting& setting);

// Has to be given: it is required, or its default is outside its own range.
bool must_be_given(const registry::ParameterInfo& parameter);

// A setting that says what the type says anyway.
bool is_default(const Setting& setting, const registry::ParameterInfo& parameter);

// A parameter of this name, or a complaint with the nearest name, or where the name does exist.
const registry::ParameterInfo* find_parameter(const registry::TypeInfo& type,
                                              const Item::Entry& entry, std::string_view owner,
                                              const registry::Registry& registry,
                                              Problems& problems,
                                              const std::vector<std::string>& reserved);

}  // namespace narrows::language
