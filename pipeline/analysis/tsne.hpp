// t-distributed stochastic neighbour embedding in the plane (van der Maaten and Hinton 2008) with
// Barnes-Hut sums (van der Maaten 2014). One rule: every sum is taken in an order that the samples
// alone decide, so that a map has the same bits for any thread count, kernel level and machine.
#pragma once

#include "pipeline/analysis/matrix.hpp"

namespace narrows::analysis {

struct TsneSettings {
    double perplexity = 30;
    std::size_t iterations = 1000;
    std::size_t exaggerated = 250;  // the first so many pull neighbours together harder,
    double exaggeration = 12;       // by this factor
    double theta = 0.5;             // see quadtree.hpp
    std::size_t exact_rows = 1000;  // up to so many rows nothing is approximated
};

struct Embedding {
    std::vector<float> map;  // [rows, 2], its mean at 0
    double divergence = 0;   // Kullback-Leibler, of neighbours in the map from those in the data
    double perplexity = 0;   // that was used
    bool exact = false;
};

// Starts from the first two principal components, the first with deviation 1e-4 (Kobak and
// Linderman 2021); learning rate max(rows / exaggeration / 4, 50) (Belkina et al. 2019), gains as
// in van der Maaten's code. Perplexity is cut to (rows - 1) / 3. Throws Error{Fault::input}: fewer
// than 5 rows, or all rows equal. Memory: tsne_bytes().
NARROWS_PUBLIC Embedding tsne(const Matrix& x, const TsneSettings& settings, const Loop& loop);

// The first two principal components, the second 0 where there is none. Two rows or more.
NARROWS_PUBLIC std::vector<float> pca_map(const Matrix& x, const Loop& loop);

// Bytes that tsne() takes at most, beside its input.
NARROWS_PUBLIC std::uint64_t tsne_bytes(std::size_t rows, std::size_t columns,
                                        const TsneSettings& settings);

}  // namespace narrows::analysis
