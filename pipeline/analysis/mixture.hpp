// A Gaussian mixture with full covariances, fitted by expectation maximisation (Dempster, Laird and
// Rubin 1977) from a k-means++ start (Arthur and Vassilvitskii 2007). One rule: rows are cut into
// fixed blocks whose sums are added in order, and randomness is a function of the key, so the same
// rows give the same bits for any number of threads.
#pragma once

#include <vector>

#include "pipeline/node.hpp"

namespace narrows::analysis {

struct MixtureOptions {
    std::int64_t components = 10;
    RandomKey key;            // of the first centres
    int iterations = 200;     // at most
    double tolerance = 1e-5;  // ends when the mean log-likelihood grows by less, nats
    double floor = 1e-6;      // added to variances, as part of the mean variance of the data
};

struct NARROWS_PUBLIC Mixture {
    std::size_t components = 0, dimensions = 0;
    std::vector<double> weights;      // [components], sum 1
    std::vector<double> means;        // [components, dimensions]
    std::vector<double> factors;      // [components, dimensions, dimensions]: lower Cholesky factor
    std::vector<double> covariances;  // the same, L L^T
    double log_likelihood = 0;        // mean over the rows, nats
    int iterations = 0;

    // Draw number `sample` of the stream `key`: the row, and which component it came from.
    std::size_t draw(RandomKey key, std::uint64_t sample, float* row) const;
};

// rows: [count, dimensions]. Throws Error{Fault::input}: fewer rows than components.
NARROWS_PUBLIC Mixture fit_mixture(const float* rows, std::size_t count, std::size_t dimensions,
                                   const MixtureOptions& options, const Loop& loop);

}  // namespace narrows::analysis
