// --log json: all talk on stderr as one JSON object a line, for collectors.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace narrows::tools {

void log_as_json(bool on);  // once, before anything is said
bool logs_json();
// {"time": "2026-01-31T12:00:00.000Z", "level": "info", ...fields}
void log_line(std::string_view level, const nlohmann::ordered_json& fields);

}  // namespace narrows::tools
