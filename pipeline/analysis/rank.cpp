#include "pipeline/analysis/rank.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace narrows::analysis {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

struct Group {
    double positives = 0, negatives = 0;  // that share one score
};

// Groups of equal scores, highest first.
std::vector<Group> groups_of(std::span<const float> scores,
                             std::span<const std::int64_t> positive) {
    std::vector<std::size_t> order(scores.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    std::vector<Group> groups;
    for (std::size_t i = 0; i < order.size(); ++i) {
        if (i == 0 || scores[order[i]] != scores[order[i - 1]]) groups.emplace_back();
        ++(positive[order[i]] != 0 ? groups.back().positives : groups.back().negatives);
    }
    return groups;
}

}  // namespace

double roc_auc(std::span<const float> scores, std::span<const std::int64_t> positive) {
    double positives = 0, negatives = 0, won = 0;  // won: pairs in which the positive is higher
    for (const Group& group : groups_of(scores, positive)) {
        won += group.negatives * (positives + group.positives / 2);
        positives += group.positives;
        negatives += group.negatives;
    }
    return positives == 0 || negatives == 0 ? none : won / (positives * negatives);
}

double average_precision(std::span<const float> scores, std::span<const std::int64_t> positive) {
    double positives = 0, seen = 0, sum = 0;
    for (const Group& group : groups_of(scores, positive)) {
        positives += group.positives;
        seen += group.positives + group.negatives;
        sum += group.positives * (positives / seen);
    }
    return positives == 0 ? none : sum / positives;
}

double quantile(std::span<const float> scores, double q) {
    if (scores.empty()) return none;
    std::vector<float> sorted(scores.begin(), scores.end());
    std::sort(sorted.begin(), sorted.end());
    const double place = q * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    if (below + 1 >= sorted.size()) return double{sorted.back()};
    const double share = place - static_cast<double>(below);
    return double{sorted[below]} + share * (double{sorted[below + 1]} - double{sorted[below]});
}

}  // namespace narrows::analysis
