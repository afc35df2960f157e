// C = activation(A B + bias). A tile of C stays in registers while k runs: some rows by one panel,
// or as much of it as fits. k is cut into blocks, whose sums wait in C, so that what the tiles of
// many rows meet stays near: a block of one panel in L1, or, where registers are wide and ask for
// less, the blocks of some panels in L2 (`panels_together`, `longest_k_block`, `row_block` of each
// level). Meanwhile the tiles ask for what comes next: the rows of A below them (`asks_for_rows`),
// and their share of the blocks of B after these. Rows are cut into tiles of nearly equal height,
// each height compiled on its own, so that no remainder is slow.
constexpr std::size_t line_floats = 16;
static_assert(!asks_for_rows || k_part == line_floats);
// A single tile reads B once: longer blocks then, and more panels at once for its few rows.
constexpr std::size_t lone_k_block = 512, lone_panels = 4;
constexpr int vectors_in_panel = static_cast<int>(panel_width / width);

constexpr std::size_t panel_of(int vector) {
    return static_cast<std::size_t>(vector / vectors_in_panel);
}

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
    bool begin, end;           // first block; last block
    bool relu, activates;      // after the last block: with the tile; apart
    const Stretch* stretches;
    std::size_t stretch_count;
    // Asked for meanwhile: the next rows of A, and of each panel of B `soon_runs` runs of
    // `soon_run` floats, so much further with each k_part.
    const float *soon_a, *soon_b;
    std::size_t soon_run, soon_far;
};

// How a tile walks along k: through what other tiles meet too, asking for what comes next; through
// what it meets alone; along stretches.
enum class Run : unsigned char { shared, lone, stretched };

// vectors consecutive vectors of the group from vector `at`; `edge`: columns may end inside.
template <int rows, int vectors, bool edge, Run run>
NARROWS_INLINE void tile(const TileWork& work, int at) {
    const float* b[vectors];
    std::size_t left[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
        const auto inside = static_cast<std::size_t>((at + v) % vectors_in_panel);
        b[v] = work.b + panel_of(at + v) * work.panel_stride + inside * width;
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
    const auto add_step = [&](const float* a, std::size_t row) NARROWS_LAMBDA {
        if constexpr (vectors > rows) {  // what is fewer waits in registers
            F value[rows];
#pragma GCC unroll 16
            for (int r = 0; r < rows; ++r)
                value[r] = set(a[static_cast<std::size_t>(r) * a_stride]);
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) {
                const F column = load(b[v] + row * panel_width);
#pragma GCC unroll 16
                for (int r = 0; r < rows; ++r) sums[r][v] = fused(value[r], column, sums[r][v]);
            }
        } else {
            F column[vectors];
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) column[v] = load(b[v] + row * panel_width);
#pragma GCC unroll 16
            for (int r = 0; r < rows; ++r) {
                const F value = set(a[static_cast<std::size_t>(r) * a_stride]);
#pragma GCC unroll 16
                for (int v = 0; v < vectors; ++v) sums[r][v] = fused(value, column[v], sums[r][v]);
            }
        }
    };
    const auto add_run = [&](const float* a, std::size_t row, std::size_t depth) NARROWS_LAMBDA {
        for (std::size_t k = 0; k < depth; ++k) add_step(a + k, row + k);
    };
    if constexpr (run == Run::stretched) {
        for (std::size_t s = 0; s < work.stretch_count; ++s)
            add_run(work.a + work.stretches[s].a, work.stretches[s].row, work.stretches[s].depth);
    } else if constexpr (run == Run::lone) {
        add_run(work.a, 0, work.depth);
    } else {
        const float* soon_a = work.soon_a;
        const float* soon_b = work.soon_b + panel_of(at) * work.panel_stride;
        std::size_t k = 0;
        for (; k + k_part <= work.depth; k += k_part, soon_a += k_part, soon_b += work.soon_far) {
            if constexpr (asks_for_rows)
#pragma GCC unroll 16
                for (int r = 0; r < rows; ++r)
                    __builtin_prefetch(soon_a + static_cast<std::size_t>(r) * a_stride);
#pragma GCC unroll 16
            for (std::size_t run_of_b = 0; run_of_b < soon_runs; ++run_of_b)
                __builtin_prefetch(soon_b + run_of_b * work.soon_run);
#pragma GCC unroll 4
            for (std::size_t i = 0; i < k_part; ++i) add_step(work.a + k + i, k + i);
        }
        add_run(work.a + k, k, work.depth - k);
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

// All whole panels, `vectors` at a time, then narrower; then what is filled of the last one.
template <int rows, int vectors, Run run>
NARROWS_INLINE void whole_panels(const TileWork& work, int& at, int whole) {
    for (; at + vectors <= whole; at += vectors) tile<rows, vectors, false, run>(work, at);
    if constexpr (vectors > vectors_in_panel) whole_panels<rows, vectors / 2, run>(work, at, whole);
}

constexpr std::size_t filled_columns(const TileWork& work) {
    const std::size_t all = work.panels * panel_width;
    return work.columns < all ? work.columns : all;
}

template <int rows, int vectors, Run run>
void row_tile(const TileWork& work) {
    constexpr int narrow = vectors < vectors_in_panel ? vectors : vectors_in_panel;
    const std::size_t filled = filled_columns(work);
    const auto whole = static_cast<int>(filled / panel_width) * vectors_in_panel;
    const auto end = static_cast<int>((filled + width - 1) / width);
    int at = 0;
    whole_panels<rows, vectors, run>(work, at, whole);
    for (; at < end; at += narrow) tile<rows, narrow, true, run>(work, at);
}

using RowTile = void (*)(const TileWork&);
template <int vectors, Run run, class Rows = std::make_integer_sequence<int, tile_rows(vectors)>>
struct Heights;
template <int vectors, Run run, int... before>
struct Heights<vectors, run, std::integer_sequence<int, before...>> {
    static constexpr RowTile of[] = {row_tile<before + 1, vectors, run>...};
};
constexpr int most_lone_rows = tile_rows(tile_vectors);
template <Run run, class Rows = std::make_integer_sequence<int, most_lone_rows>>
struct LoneHeights;
template <Run run, int... before>
struct LoneHeights<run, std::integer_sequence<int, before...>> {
    static constexpr RowTile of[] = {row_tile<before + 1, lone_vectors(before + 1), run>...};
};

NARROWS_INLINE void activate_rows(const TileWork& work, std::size_t rows, const Product& p) {
    for (std::size_t r = 0; r < rows; ++r) {
        float* y = work.c + r * work.c_stride;
        activates[static_cast<int>(p.activation)](p.alpha, y, y, filled_columns(work));
    }
}

// `rows` rows by the panels of `work`, in tiles as wide as a narrow one is filled. What `work` says
// of the rows' places moves along.
template <int vectors, Run run>
void tiles_of_panels(TileWork& work, std::size_t rows, const Product& p) {
    if constexpr (vectors > 1)
        if (work.columns <= (vectors - 1) * width)
            return tiles_of_panels<vectors - 1, run>(work, rows, p);
    constexpr std::size_t most = tile_rows(vectors);
    const std::size_t tiles = (rows + most - 1) / most;
    const std::size_t height = rows / tiles, taller = rows % tiles;
    // Each tile's share of blocks of B as large as these.
    const std::size_t parts = work.depth / k_part * tiles;
    work.soon_run = work.depth * panel_width / soon_runs;
    work.soon_far = parts > 0 ? (work.soon_run + parts - 1) / parts : 0;
    work.soon_a = work.a;
    for (std::size_t t = 0; t < tiles; ++t) {
        const std::size_t now = height + (t < taller ? 1 : 0);
        if (t + 1 < tiles) work.soon_a += now * work.a_stride;
        Heights<vectors, run>::of[now - 1](work);
        if (work.end && work.activates) activate_rows(work, now, p);
        work.soon_b += parts / tiles * work.soon_far;
        work.a += now * work.a_stride;
        work.c += now * work.c_stride;
        if (work.before) work.before += now * work.c_stride;
        if (work.relu_output) work.relu_output += now * work.c_stride;
    }
}

template <bool stretched>
void product_of(const Product& p) {
    constexpr Run many = stretched ? Run::stretched : Run::shared;
    constexpr Run few = stretched ? Run::stretched : Run::lone;
    const bool lone = p.rows <= most_lone_rows;
    const std::size_t longest = lone ? lone_k_block : longest_k_block;
    const std::size_t blocks = p.depth == 0 ? 1 : (p.depth + longest - 1) / longest;
    const std::size_t even = (p.depth + blocks - 1) / blocks;
    // Stretches are taken whole.
    const std::size_t block =
        stretched ? p.depth : (even + line_floats - 1) / line_floats * line_floats;
    const std::size_t group = lone ? lone_panels : panels_together;
    TileWork work{};
    work.a_stride = p.a_stride;
    work.c_stride = p.c_stride;
    work.panel_stride = p.depth * panel_width;
    work.relu = p.activation == Activation::relu;
    work.activates = !work.relu && p.activation != Activation::linear;
    work.stretches = p.stretches.data();
    work.stretch_count = p.stretches.size();
    for (std::size_t row = 0; row < p.rows; row += row_block) {
        const std::size_t rows = p.rows - row < row_block ? p.rows - row : row_block;
        const auto c_row = row * p.c_stride;
        std::size_t k = 0;
        do {  // once for depth 0: bias and activation of zeros
            work.depth = p.depth - k < block ? p.depth - k : block;
            work.begin = k == 0;
            work.end = k + work.depth == p.depth;
            for (std::size_t panel = p.first_panel; panel < p.last_panel; panel += group) {
                const std::size_t column = panel * panel_width;
                const std::size_t panels_left = p.last_panel - panel;
                work.panels = panels_left < group ? panels_left : group;
                work.columns = p.columns - column;
                work.b = p.panels + panel * work.panel_stride + k * panel_width;
                work.soon_b = panels_left > group ? work.b + group * work.panel_stride
                              : work.end          ? work.b
                                                  : p.panels + p.first_panel * work.panel_stride +
                                               (k + work.depth) * panel_width;
                work.a = work.soon_a = p.a + row * p.a_stride + k;
                work.c = p.c + c_row + column;
                work.bias = work.end && p.bias ? p.bias + column : nullptr;
                work.before = p.before ? p.before + c_row + column : nullptr;
                work.relu_output =
                    work.end && p.relu_output ? p.relu_output + c_row + column : nullptr;
                if (!lone) {
                    tiles_of_panels<tile_vectors, many>(work, rows, p);
                    continue;
                }
                LoneHeights<few>::of[rows - 1](work);
                if (work.end && work.activates) activate_rows(work, rows, p);
            }
            k += work.depth;
        } while (k < p.depth);
    }
}

void product(const Product& p) {
    if (p.rows == 0 || p.first_panel >= p.last_panel) return;
    if (p.stretches.empty())
        product_of<false>(p);
    else
        product_of<true>(p);
}
