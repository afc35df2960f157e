// Does a map keep neighbourhoods? Trustworthiness and continuity (Venna and Kaski 2001; 2006,
// equations 1 and 2): 1 where neighbours stay neighbours, about 0.5 where a map is random.
#pragma once

#include <cstdint>

#include "pipeline/analysis/matrix.hpp"

namespace narrows::analysis {

struct Preservation {
    double trustworthiness = 0;  // falls where the map shows neighbours that are none in the data
    double continuity = 0;       // falls where neighbours in the data are torn apart
    std::size_t neighbours = 0;  // that were looked at
};

// map [rows, 2] of data [rows, columns]; k is cut below rows / 2. Exact neighbours; ranks among all
// rows in the precision of the kernels' products (data of nine columns or more), so that ties
// within rounding may fall either way, on every machine the same. Memory: a row of distances for
// each of 64 samples a task. Needs three rows or more.
NARROWS_PUBLIC Preservation preservation(const Matrix& data, const Matrix& map, std::size_t k,
                                         const Loop& loop);

}  // namespace narrows::analysis
