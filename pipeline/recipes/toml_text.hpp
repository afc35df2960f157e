// Writes TOML line by line. Private to recipes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace narrows::recipes {

std::string number(double value);  // shortest text that reads back as the same float

class TomlText {
public:
    explicit TomlText(std::string_view title);  // a comment, then schema = 1
    TomlText& run(std::string_view mode, std::uint64_t seed);
    TomlText& table(std::string_view name);  // "[name]" after a blank line
    TomlText& node(std::string_view id, std::string_view type);
    TomlText& raw(std::string_view key, std::string_view value);
    TomlText& text(std::string_view key, std::string_view value);
    TomlText& texts(std::string_view key, std::span<const std::string> values);  // one: a text
    TomlText& integer(std::string_view key, std::int64_t value);
    TomlText& integers(std::string_view key, std::span<const std::int64_t> values);
    TomlText& real(std::string_view key, double value);
    TomlText& flag(std::string_view key, bool value);
    TomlText& lines(std::string_view text);  // as they are, after a blank line
    const std::string& str() const { return text_; }

private:
    std::string text_;
};

}  // namespace narrows::recipes
