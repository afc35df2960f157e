#include "tools/label_source.hpp"

#include <fmt/format.h>

namespace narrows::tools {

void add_labels(recipes::LabelSource& labels, const std::string& given,
                const recipes::Source& source, std::span<const std::string> data,
                const datasets::Dataset& opened, const std::string& option, bool optional) {
    if (!given.empty()) {
        labels.data.push_back(given);
        return;
    }
    if (opened.labels().empty()) {
        if (optional) return;
        throw Error(Fault::usage, fmt::format("{} has no labels of its own", opened.name()),
                    fmt::format("name them with {} DATA", option));
    }
    labels.data.insert(labels.data.end(), data.begin(), data.end());
    labels.format = source.format;
    labels.column = source.label_column;
    labels.columns = source.columns;
}

}  // namespace narrows::tools
