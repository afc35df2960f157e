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
    const float* relu_output;  // null unless this is the last block
    bool begin, end, relu;     // first block; last block; last step of the chain
    const Stretch* stretches;
    std::size_t stretch_count;
};

// vectors consecutive vectors of the group from vector `at`; `edge`: columns may end inside.
template <int rows, int vectors, bool edge, bool stretched>
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
    const std::size_t a_stride = work.a_stride;
    const auto add_run = [&](const float* a, std::size_t first, std::size_t depth) NARROWS_LAMBDA {
        for (std::size_t k = 0; k < depth; ++k) {
            F column[vectors];
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) column[v] = load(b[v] + (first + k) * panel_width);
#pragma GCC unroll 16
            for (int r = 0; r < rows; ++r) {
                const F value = set(a[static_cast<std::size_t>(r) * a_stride + k]);
#pragma GCC unroll 16
                for (int v = 0; v < vectors; ++v) sums[r][v] = fused(value, column[v], sums[r][v]);
            }
        }
    };
    if constexpr (stretched) {
        for (std::size_t s = 0; s < work.stretch_count; ++s)
            add_run(work.a + work.stretches[s].a, work.stretches[s].row, work.stretches[s].depth);
    } else {
        add_run(work.a, 0, work.depth);
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
    if (work.relu_output) {
        const float* y = work.relu_output + static_cast<std::size_t>(at) * width;
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) {
                const float* from = y + static_cast<std::size_t>(r) * work.c_stride +
                                    static_cast<std::size_t>(v) * width;
                sums[r][v] = differentiated<Activation::relu>(
                    edge ? load_part(from, left[v]) : load(from), sums[r][v], sums[r][v]);
            }
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
template <int rows, int vectors, bool stretched>
NARROWS_INLINE void whole_panels(const TileWork& work, int& at, int whole) {
    for (; at + vectors <= whole; at += vectors) tile<rows, vectors, false, stretched>(work, at);
    if constexpr (vectors > vectors_in_panel)
        whole_panels<rows, vectors / 2, stretched>(work, at, whole);
}

template <int rows, bool stretched>
void row_tile(const TileWork& work) {
    constexpr int vectors = tile_vectors(rows);
    constexpr int narrow = vectors < vectors_in_panel ? vectors : vectors_in_panel;
    const std::size_t whole =
        work.columns >= work.panels * panel_width ? work.panels : work.panels - 1;
    int at = 0;
    whole_panels<rows, vectors, stretched>(work, at, static_cast<int>(whole) * vectors_in_panel);
    // Few columns, as convolutions have, fill only some vectors of the last panel.
    const std::size_t all = work.panels * panel_width;
    const std::size_t filled = work.columns < all ? work.columns : all;
    const int end = static_cast<int>((filled + width - 1) / width);
    for (; at + narrow <= end; at += narrow) tile<rows, narrow, true, stretched>(work, at);
    for (; at < end; ++at) tile<rows, 1, true, stretched>(work, at);
}

using RowTile = void (*)(const TileWork&);
template <bool stretched>
constexpr RowTile row_tiles[] = {
    row_tile<1, stretched>, row_tile<2, stretched>, row_tile<3, stretched>, row_tile<4, stretched>,
    row_tile<5, stretched>, row_tile<6, stretched>, row_tile<7, stretched>, row_tile<8, stretched>};
static_assert(tile_rows <= 8);

void product(const Product& p) {
    if (p.rows == 0 || p.first_panel >= p.last_panel) return;
    const std::size_t tiles = (p.rows + tile_rows - 1) / tile_rows;
    const std::size_t height = p.rows / tiles, taller = p.rows % tiles;
    const bool relu = p.activation == Activation::relu;
    const bool afterwards = !relu && p.activation != Activation::linear;
    const bool stretched = !p.stretches.empty();
    const RowTile* const each_height = stretched ? row_tiles<true> : row_tiles<false>;
    const std::size_t block = stretched ? p.depth : k_block;  // stretches are taken whole
    TileWork work{};
    work.a_stride = p.a_stride;
    work.c_stride = p.c_stride;
    work.panel_stride = p.depth * panel_width;
    work.relu = relu;
    work.stretches = p.stretches.data();
    work.stretch_count = p.stretches.size();
    std::size_t k = 0;
    do {  // once for depth 0: bias and activation of zeros
        work.depth = p.depth - k < block ? p.depth - k : block;
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
                work.relu_output = work.end && p.relu_output
                                       ? p.relu_output + row * p.c_stride + first_column
                                       : nullptr;
                work.before = p.before ? p.before + row * p.c_stride + first_column : nullptr;
                each_height[rows - 1](work);
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
