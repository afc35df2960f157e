// Rank metrics of scores against two classes, ties as scikit-learn has them.
#pragma once

#include <cstdint>
#include <span>

#include "pipeline/node.hpp"

namespace narrows::analysis {

// Area under the receiver operating characteristic: the chance that a positive outscores a
// negative, ties count half (Hanley and McNeil 1982). positive: [n], not 0 is positive. NaN where
// one of the classes is empty. Scores must not be NaN.
NARROWS_PUBLIC double roc_auc(std::span<const float> scores,
                              std::span<const std::int64_t> positive);

// Sum over thresholds of (recall step) * precision, equal scores are one threshold. NaN without a
// positive.
NARROWS_PUBLIC double average_precision(std::span<const float> scores,
                                        std::span<const std::int64_t> positive);

// The value below which a share q of the scores lies, between neighbours linearly (type 7 of
// Hyndman and Fan 1996, the default of R and NumPy). q in [0, 1], one score or more.
NARROWS_PUBLIC double quantile(std::span<const float> scores, double q);

}  // namespace narrows::analysis
