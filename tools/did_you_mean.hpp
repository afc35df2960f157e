// "did you mean "a" or "b"?" out of what language::suggest() found.
#pragma once

#include <string>
#include <vector>

namespace narrows::tools {

inline std::string did_you_mean(const std::vector<std::string>& close) {
    std::string text = "did you mean ";
    for (std::size_t i = 0; i < close.size(); ++i)
        text += (i == 0 ? "\"" : i + 1 == close.size() ? " or \"" : ", \"") + close[i] + "\"";
    return text + "?";
}

}  // namespace narrows::tools
