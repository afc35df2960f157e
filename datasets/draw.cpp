// A few rows of each label, for experiments with few labels.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "datasets/dataset.hpp"
#include "pipeline/simd/random.hpp"

namespace narrows::datasets {

// Each label has a permutation of its own rows: more of one label change nothing of another.
std::vector<std::int64_t> draw_per_label(std::span<const std::int64_t> labels, std::int64_t count,
                                         RandomKey key) {
    std::map<std::int64_t, std::vector<std::int64_t>> rows_of;
    for (std::size_t i = 0; i < labels.size(); ++i)
        rows_of[labels[i]].push_back(static_cast<std::int64_t>(i));
    std::vector<std::int64_t> chosen;
    std::string missing;
    for (const auto& [label, rows] : rows_of) {
        if (static_cast<std::int64_t>(rows.size()) < count) {
            missing +=
                fmt::format("{}{} of label {}", missing.empty() ? "" : ", ", rows.size(), label);
            continue;
        }
        const simd::Permutation order(
            key.seed,
            key.node ^ static_cast<std::uint32_t>(static_cast<std::uint64_t>(label) * 0x9e3779b1u),
            0, rows.size());
        for (std::int64_t i = 0; i < count; ++i)
            chosen.push_back(rows[order(static_cast<std::uint64_t>(i))]);
    }
    if (!missing.empty())
        throw Error(
            Fault::input,
            fmt::format("{} rows of each label were asked for, there are only {}", count, missing),
            "ask for fewer, or leave that label out");
    std::sort(chosen.begin(), chosen.end());
    return chosen;
}

}  // namespace narrows::datasets
