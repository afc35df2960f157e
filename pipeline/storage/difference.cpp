#include "pipeline/storage/difference.hpp"

namespace narrows::storage {

namespace {

std::string_view take_line(std::string_view& text, bool& present) {
    present = !text.empty();
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return line;
}

std::string shown(std::string_view line, bool present) {
    constexpr std::size_t longest = 100;
    if (!present) return "missing";
    if (line.size() <= longest) return "\"" + std::string(line) + "\"";
    return "\"" + std::string(line.substr(0, longest)) + "...\"";
}

}  // namespace

std::string first_difference(std::string_view there, std::string_view here) {
    if (there == here) return {};
    for (std::size_t number = 1;; ++number) {
        bool has_a = false, has_b = false;
        const std::string_view a = take_line(there, has_a), b = take_line(here, has_b);
        if (!has_a && !has_b) return "they differ in the end of their last lines";
        if (a != b || has_a != has_b)
            return "line " + std::to_string(number) + " is " + shown(a, has_a) + " there, " +
                   shown(b, has_b) + " here";
    }
}

}  // namespace narrows::storage
