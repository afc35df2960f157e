#include "pipeline/recipes/toml_text.hpp"

#include <fmt/format.h>

#include "pipeline/recipes/recipes.hpp"

namespace narrows::recipes {

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
            out += c;
        }
    }
    return out + "\"";
}

std::string number(double value) {
    std::string text = fmt::format("{}", value);
    if (text.find_first_of(".en") == std::string::npos) text += ".0";  // "n": inf and nan
    return text;
}

TomlText::TomlText(std::string_view title) : text_(fmt::format("# {}\nschema = 1\n", title)) {}

TomlText& TomlText::run(std::string_view mode, std::uint64_t seed) {
    table("run").text("mode", mode);
    text_ += fmt::format("seed = {}\n", seed);
    return *this;
}

TomlText& TomlText::table(std::string_view name) {
    text_ += fmt::format("\n[{}]\n", name);
    return *this;
}

TomlText& TomlText::node(std::string_view id, std::string_view type) {
    return table(fmt::format("node.{}", id)).text("type", type);
}

TomlText& TomlText::raw(std::string_view key, std::string_view value) {
    text_ += fmt::format("{} = {}\n", key, value);
    return *this;
}

TomlText& TomlText::text(std::string_view key, std::string_view value) {
    return raw(key, in_quotes(value));
}

TomlText& TomlText::texts(std::string_view key, std::span<const std::string> values) {
    if (values.size() == 1) return text(key, values.front());
    std::string list;
    for (const std::string& value : values) list += (list.empty() ? "" : ", ") + in_quotes(value);
    return raw(key, "[" + list + "]");
}

TomlText& TomlText::integer(std::string_view key, std::int64_t value) {
    return raw(key, std::to_string(value));
}

TomlText& TomlText::integers(std::string_view key, std::span<const std::int64_t> values) {
    std::string list;
    for (const std::int64_t value : values)
        list += (list.empty() ? "" : ", ") + std::to_string(value);
    return raw(key, "[" + list + "]");
}

TomlText& TomlText::real(std::string_view key, double value) {
    return raw(key, number(value));
}

TomlText& TomlText::flag(std::string_view key, bool value) {
    return raw(key, value ? "true" : "false");
}

TomlText& TomlText::lines(std::string_view text) {
    text_ += '\n';
    text_ += text;
    if (!text.empty() && text.back() != '\n') text_ += '\n';
    return *this;
}

}  // namespace narrows::recipes
