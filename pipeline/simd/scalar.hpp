// exp, log, sine and arc cosine of one double, in our own formulas: the same bits on every machine,
// for sums that are taken in a fixed order (log-mean-exp, mixtures, spherical interpolation). About
// 2 units in the last place; thread-safe, throw nothing.
#pragma once

#include "pipeline/node.hpp"

namespace narrows::simd {

NARROWS_PUBLIC double exponential(double x);
NARROWS_PUBLIC double logarithm(double x);   // -inf at 0, NaN below
NARROWS_PUBLIC double sine(double x);        // 0 <= x <= pi
NARROWS_PUBLIC double arc_cosine(double x);  // clamped to [-1, 1]; 0 ... pi

// log of a sum of exponentials, term by term: log(e^a + e^b + ...). The order of the terms is part
// of the result.
class LogSumExp {
public:
    void add(double x) {
        if (!(x > largest_)) {
            sum_ += exponential(x - largest_);
            return;
        }
        sum_ = sum_ * exponential(largest_ - x) + 1;
        largest_ = x;
    }
    double log_sum() const { return largest_ + logarithm(sum_); }

private:
    double largest_ = -std::numeric_limits<double>::infinity(), sum_ = 0;
};

}  // namespace narrows::simd
