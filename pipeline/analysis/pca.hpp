// Principal component analysis (Pearson 1901; Jolliffe, "Principal Component Analysis", chapter 1):
// the linear code with the least squared error, the yardstick of every autoencoder.
#pragma once

#include "pipeline/analysis/matrix.hpp"

namespace narrows::analysis {

struct Pca {
    std::vector<float> mean;        // [features]
    std::vector<float> components;  // [count, features], orthonormal rows, largest variance first;
                                    // the entry of largest size in each is positive
    std::vector<double> variance;   // [count], of the projections (divisor rows - 1)
    double total_variance = 0;      // of all features
    std::size_t count() const { return variance.size(); }
    std::size_t features() const { return mean.size(); }
};

// The `count` first components, fewer where rows - 1 or the features are fewer. Needs two rows
// or more; throws Error{Fault::input} otherwise. Exact up to 2048 features (an eigenproblem of that
// size); beyond, subspace iteration (Halko et al. 2011, algorithm 4.4) with 10 spare directions.
NARROWS_PUBLIC Pca fit_pca(const Matrix& x, std::size_t count, const Loop& loop);

// out: [rows, count], (x - mean) on each component.
NARROWS_PUBLIC void project(const Pca& pca, const Matrix& x, float* out, const Loop& loop);

}  // namespace narrows::analysis
