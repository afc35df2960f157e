// C = A B^T out of the panels of B [columns, depth]: each block of B^T is packed where the tiles
// read it from, so that a layer's backward pass needs no second copy of its weights in memory.
constexpr std::size_t transposed_depth = longest_k_block;
static_assert(transposed_depth % panel_width == 0);

// Rows first ... first+31 of B, columns k ... k+31, as 32 values each of B^T. Beyond `columns`: 0.
NARROWS_INLINE void pack_block(const float* panel, std::size_t first, std::size_t columns,
                               float* to) {
    const float* from = panel + first * panel_width;
    if (columns - first >= panel_width) {
        for (std::size_t row = 0; row < panel_width; row += 8)
#pragma GCC unroll 4
            for (std::size_t j = 0; j < panel_width; j += 8)
                transpose_8x8(from + row * panel_width + j, panel_width, to + j * panel_width + row,
                              panel_width);
        return;
    }
    for (std::size_t j = 0; j < panel_width; ++j)
        for (std::size_t row = 0; row < panel_width; ++row)
            to[j * panel_width + row] = row < columns - first ? from[row * panel_width + j] : 0.0f;
}

void transposed_product(const Product& p) {
    if (p.rows == 0 || p.first_panel >= p.last_panel) return;
    alignas(64) float block[transposed_depth * panel_width];
    TileWork work{};
    work.a_stride = p.a_stride;
    work.c_stride = p.c_stride;
    work.b = block;
    work.panels = 1;
    for (std::size_t panel = p.first_panel; panel < p.last_panel; ++panel) {
        const std::size_t first = panel * panel_width;
        work.columns = p.columns - first;
        for (std::size_t k = 0; k < p.depth; k += transposed_depth) {
            work.depth = p.depth - k < transposed_depth ? p.depth - k : transposed_depth;
            work.begin = k == 0;
            work.a = p.a + k;
            work.soon_b = block;  // nothing comes after it
            work.c = p.c + first;
            work.relu_output =
                p.relu_output && k + work.depth == p.depth ? p.relu_output + first : nullptr;
            for (std::size_t j = 0; j < work.depth; j += panel_width)
                pack_block(p.panels + (k + j) * p.columns, first, p.columns,
                           block + j * panel_width);
            tiles_of_panels<tile_vectors, Run::shared>(work, p.rows, p);
        }
        if (p.depth == 0)
            for (std::size_t r = 0; r < p.rows; ++r)
                for (std::size_t j = first; j < p.columns && j < first + panel_width; ++j)
                    p.c[r * p.c_stride + j] = 0;
    }
}
