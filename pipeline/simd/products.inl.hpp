// C = activation(A B + bias). A tile of rows x vectors of C stays in registers while k runs; longer
// k is cut into blocks whose sums wait in C. Rows are cut into tiles of nearly equal height, each
// height compiled on its own, so that no remainder is slow.
constexpr std::size_t k_block = 512;    // 64 KiB of a panel
constexpr std::size_t panel_group = 4;  // panels that meet a row tile together: in L2
constexpr int vectors_in_panel = static_cast<int>(panel_width / width);

struct TileWork {
    const float* a;               // first row, first k of the block
    std::size_t a_stride, depth;  // k in this block
    const float* b;               // first panel of the group, first k
    std::size_t panel_stride, panels;
    std::size_t columns;  // left from the group's first one
    float* c;
    std::size_t c_stride;
    const float* bias;  // null unless this is the last block
    float* before;
    bool begin, end, relu;  // first block; last block; last step of the chain
};

// vectors consecutive vectors of the group from vector `at`; `edge`: columns may end inside.
template <int rows, int vectors, bool edge>
NARROWS_INLINE void tile(const TileWork& work, int at) {
    const float* b[vectors];
    std::size_t left[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
        const auto panel = static_cast<std::size_t>((at + v) / vectors_in_panel);
        const auto inside = static_cast<std::size_t>((at + v) % vectors_in_panel);
        b[v] = work.b + panel * work.panel_stride + inside * width;
        const std::size_t column = static_cast<std::size_t>(at + v) * width;
        left[v] = work.columns > column ? work.columns - column : 0;
    }
    float* c = work.c + static_cast<std::size_t>(at) * width;
    F sums[rows][vectors];
    if (work.begin) {
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) sums[r][v] = set(0.0f);
    } else {
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) {
                const float* from = c + static_cast<std::size_t>(r) * work.c_stride +
                                    static_cast<std::size_t>(v) * width;
                sums[r][v] = edge ? load_part(from, left[v]) : load(from);
            }
    }
    const float* a = work.a;
    const std::size_t a_stride = work.a_stride;
    for (std::size_t k = 0; k < work.depth; ++k) {
        F column[vectors];
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) column[v] = load(b[v] + k * panel_width);
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r) {
            const F value = set(a[static_cast<std::size_t>(r) * a_stride + k]);
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) sums[r][v] = fused(value, column[v], sums[r][v]);
        }
    }
    if (work.bias) {
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) {
            const float* from = work.bias + static_cast<std::size_t>(at + v) * width;
            const F bias = edge ? load_part(from, left[v]) : load(from);
#pragma GCC unroll 16
            for (int r = 0; r < rows; ++r) sums[r][v] = sums[r][v] + bias;
        }
    }
    if (work.end && work.before) {
        float* z = work.before + static_cast<std::size_t>(at) * width;
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) {
                float* to = z + static_cast<std::size_t>(r) * work.c_stride +
                            static_cast<std::size_t>(v) * width;
                if constexpr (edge)
                    store_part(to, sums[r][v], left[v]);
                else
                    store(to, sums[r][v]);
            }
    }
    if (work.end && work.relu) {
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v)
                sums[r][v] = activated<Activation::relu>(sums[r][v], sums[r][v]);
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v) {
            float* to = c + static_cast<std::size_t>(r) * work.c_stride +
                        static_cast<std::size_t>(v) * width;
            if constexpr (edge)
                store_part(to, sums[r][v], left[v]);
            else
                store(to, sums[r][v]);
        }
}

// All whole panels of the group that are left, `vectors` at a time, then narrower.
template <int rows, int vectors>
NARROWS_INLINE void whole_panels(const TileWork& work, int& at, int whole) {
    for (; at + vectors <= whole; at += vectors) tile<rows, vectors, false>(work, at);
    if constexpr (vectors > vectors_in_panel) whole_panels<rows, vectors / 2>(work, at, whole);
}

template <int rows>
void row_tile(const TileWork& work) {
    constexpr int vectors = tile_vectors(rows);
    constexpr int narrow = vectors < vectors_in_panel ? vectors : vectors_in_panel;
    const std::size_t whole =
        work.columns >= work.panels * panel_width ? work.panels : work.panels - 1;
    int at = 0;
    whole_panels<rows, vectors>(work, at, static_cast<int>(whole) * vectors_in_panel);
    // Few columns, as convolutions have, fill only some vectors of the last panel.
    const std::size_t all = work.panels * panel_width;
    const std::size_t filled = work.columns < all ? work.columns : all;
    const int end = static_cast<int>((filled + width - 1) / width);
    for (; at + narrow <= end; at += narrow) tile<rows, narrow, true>(work, at);
    for (; at < end; ++at) tile<rows, 1, true>(work, at);
}

using RowTile = void (*)(const TileWork&);
constexpr RowTile row_tiles[] = {row_tile<1>, row_tile<2>, row_tile<3>, row_tile<4>, row_tile<5>,
                                 row_tile<6>, row_tile<7>, row_tile<8>, row_tile<9>, row_tile<10>};
static_assert(tile_rows <= 10);

void product(const Product& p) {
    if (p.rows == 0 || p.first_panel >= p.last_panel) return;
    const std::size_t tiles = (p.rows + tile_rows - 1) / tile_rows;
    const std::size_t height = p.rows / tiles, taller = p.rows % tiles;
    const bool relu = p.activation == Activation::relu;
    const bool afterwards = !relu && p.activation != Activation::linear;
    TileWork work{};
    work.a_stride = p.a_stride;
    work.c_stride = p.c_stride;
    work.panel_stride = p.depth * panel_width;
    work.relu = relu;
    std::size_t k = 0;
    do {  // once for depth 0: bias and activation of zeros
        work.depth = p.depth - k < k_block ? p.depth - k : k_block;
        work.begin = k == 0;
        work.end = k + work.depth == p.depth;
        for (std::size_t panel = p.first_panel; panel < p.last_panel; panel += panel_group) {
            const std::size_t first_column = panel * panel_width;
            work.panels = p.last_panel - panel < panel_group ? p.last_panel - panel : panel_group;
            work.columns = p.columns - first_column;
            work.b = p.panels + panel * work.panel_stride + k * panel_width;
            work.bias = work.end && p.bias ? p.bias + first_column : nullptr;
            const std::size_t wide =
                work.columns < work.panels * panel_width ? work.columns : work.panels * panel_width;
            std::size_t row = 0;
            for (std::size_t t = 0; t < tiles; ++t) {
                const std::size_t rows = height + (t < taller ? 1 : 0);
                work.a = p.a + row * p.a_stride + k;
                work.c = p.c + row * p.c_stride + first_column;
                work.before = p.before ? p.before + row * p.c_stride + first_column : nullptr;
                row_tiles[rows - 1](work);
                if (work.end && afterwards)
                    for (std::size_t r = 0; r < rows; ++r) {
                        float* y = work.c + r * p.c_stride;
                        activates[static_cast<int>(p.activation)](p.alpha, y, y, wide);
                    }
                row += rows;
            }
        }
        k += work.depth;
    } while (k < p.depth);
}
