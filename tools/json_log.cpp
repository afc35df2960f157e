#include "tools/json_log.hpp"

#include <chrono>
#include <ctime>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/streams.hpp"

namespace narrows::tools {
namespace {

bool on = false;

std::string now_text() {
    const auto now = std::chrono::system_clock::now();
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    const auto milliseconds =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() %
        1000;
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900,
                       utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                       milliseconds);
}

}  // namespace

void log_as_json(bool wanted) {
    on = wanted;
}
bool logs_json() {
    return on;
}

void log_line(std::string_view level, const nlohmann::ordered_json& fields) {
    nlohmann::ordered_json line{{"time", now_text()}, {"level", level}};
    line.update(fields);
    // A file name need not be UTF-8.
    talk(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace narrows::tools
