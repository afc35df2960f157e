// Sums over the units of a code from which its health is told: means, deviations, correlations and
// the share of values at the ends of an activation. One rule: rows are added in sequence order, in
// double, so that the figures are the same for any thread count.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace narrows::plugins {

// Ends of an activation's range: (0, 1) of sigmoid, (-1, 1) of tanh.
struct Bounds {
    double low = 0, high = 1;
};

struct CodeHealth {
    double active = 0;     // deviation at least 1 % of the most varied unit's
    double dead = 0;       // one value for all samples
    double saturated = 0;  // 99 % of values within 1 % of an end of the activation's range
    std::size_t first_dead = 0;
    double mean_correlation = 0;     // of absolute values, over pairs of varied units
    double highest_correlation = 0;  // absolute value, of the pair below
    std::size_t pair[2] = {0, 0};
};

class CodeMoments {
public:
    // `paired`: so many units, evenly spread, are compared with each other.
    void resize(std::size_t units, std::size_t paired);
    // rows: [count, units]; rows with NaN or Inf are counted and left out.
    void add(const float* rows, std::size_t count, const std::optional<Bounds>& bounds);
    void clear();

    std::size_t units() const { return sum.size(); }
    CodeHealth health() const;

    // Sums over rows; `cross` of pairs i <= j of paired units, row by row of the triangle.
    std::vector<double> sum, square, at_end, cross;
    double count = 0, bad_rows = 0;

private:
    std::vector<std::size_t> paired_;
};

}  // namespace narrows::plugins
