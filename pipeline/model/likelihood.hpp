// Likelihoods of a decoder: -log p(x | z) of a sample in nats with all constants, so that it adds
// up with a divergence in nats whatever the likelihood is (Kingma and Welling 2014, appendix C).
//   bernoulli  sum of max(l, 0) - l x + log(1 + exp(-|l|)), l the logits
//   gaussian   sum of (x - m)^2 / (2 s^2) + log s + log(2 pi) / 2
//   laplace    sum of |x - m| / s + log s + log 2
// s is fixed, or comes with each value as log s. Sums are one chain in double: the same bits
// everywhere.
#pragma once

#include "pipeline/node.hpp"

namespace narrows::model {

struct NARROWS_PUBLIC Likelihood {
    enum class Kind : std::uint8_t { bernoulli, gaussian, laplace };
    static constexpr double largest_log_scale = 20;

    Kind kind = Kind::bernoulli;
    double scale = 1;        // s where log_scale is null; units of the scaled data
    double smallest = 1e-3;  // where log_scale is given: s is at least this
    bool logits = true;      // bernoulli: of the prediction; else it is a probability

    // One sample: prediction, log_scale (may be null) and target [n]. Gradients, where not null,
    // are `factor` times those of the value.
    double nats(const float* prediction, const float* log_scale, const float* target, std::size_t n,
                float factor = 1, float* to_prediction = nullptr,
                float* to_log_scale = nullptr) const;

private:
    double scaled(const float* prediction, const float* log_scale, const float* target,
                  std::size_t n, float factor, float* to_prediction, float* to_log_scale) const;
};

// "bernoulli", "gaussian", "laplace"; throws Error{Fault::usage} for all else.
NARROWS_PUBLIC Likelihood::Kind likelihood_named(std::string_view name);

}  // namespace narrows::model
