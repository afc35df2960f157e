// The commonest product as one value: all columns, no gaps between rows.
#pragma once

#include "pipeline/simd/kernels.hpp"

namespace narrows::simd {

// c[rows, columns] = a[rows, depth] * B[depth, columns], B packed in panels (pack_panels).
inline Product whole_product(const float* a, std::size_t rows, std::size_t depth,
                             const float* panels, std::size_t columns, float* c) {
    Product product;
    product.a = a;
    product.a_stride = depth;
    product.rows = rows;
    product.depth = depth;
    product.panels = panels;
    product.columns = columns;
    product.last_panel = panel_count(columns);
    product.c = c;
    product.c_stride = columns;
    return product;
}

}  // namespace narrows::simd
