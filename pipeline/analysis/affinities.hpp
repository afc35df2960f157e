// Which samples attract each other in a map, and how strongly: the conditional probabilities of
// van der Maaten and Hinton 2008 (section 2), over nearest neighbours only (van der Maaten 2014,
// section 4.1), made symmetric.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/analysis/neighbours.hpp"

namespace narrows::analysis {

// A sparse symmetric matrix by rows; columns of a row in increasing order. All values sum to 1.
struct Affinities {
    std::vector<std::size_t> first;    // [rows + 1], into the two below
    std::vector<std::uint32_t> other;  // columns
    std::vector<float> value;
    std::size_t rows() const { return first.size() - 1; }
};

// exp(-beta_i d_ij^2), normalised over the neighbours of i, with beta_i such that the entropy is
// log(perplexity) to 1e-5 nats; then (p_j|i + p_i|j) / (2 rows). Rows whose neighbours are all at
// one distance have equal values. `perplexity` must be below neighbours.count.
NARROWS_PUBLIC Affinities affinities(const Neighbours& neighbours, double perplexity,
                                     const Loop& loop);

}  // namespace narrows::analysis
