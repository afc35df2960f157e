// Weight gradients tile by tile, and the small passes around them. Nothing is packed: activations
// are broadcast along their rows, output gradients are read in place.

// What is done between the sums of a tile, in so many shares: other work for the units that the
// sums leave idle.
struct NothingBetween {
    static constexpr std::size_t shares = 0;
    NARROWS_INLINE void operator()(std::size_t) const {}
};

constexpr bool is_line(const OuterTerm& term) {
    return term.lines.times == 1 && term.blocks.times == 1;
}

// `rows` rows of the tile from `first`, `vectors` vectors from column `at`: sums over all terms, to
// which the chains go on that the tile holds, or begin.
template <int rows, int vectors, bool edge, class Between>
NARROWS_INLINE void outer_tile(const OuterTerm* terms, std::size_t term_count, std::size_t first,
                               std::size_t column, std::size_t columns, bool goes_on,
                               float* tile_out, const Between& between) {
    F sums[rows][vectors];
    std::size_t left[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) {
        const std::size_t at = column + static_cast<std::size_t>(v) * width;
        left[v] = columns > at ? columns - at : 0;
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v)
            sums[r][v] = goes_on ? load(tile_out + static_cast<std::size_t>(r) * panel_width +
                                        static_cast<std::size_t>(v) * width)
                                 : set(0.0f);
    const auto add_row = [&](const float* a, const float* b) NARROWS_LAMBDA {
        const auto read_b = [&](int v) NARROWS_LAMBDA {
            const float* from = b + static_cast<std::size_t>(v) * width;
            return edge ? load_part(from, left[v]) : load(from);
        };
        if constexpr (vectors > rows) {  // what is fewer waits in registers
            F value[rows];
#pragma GCC unroll 16
            for (int r = 0; r < rows; ++r) value[r] = set(a[r]);
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) {
                const F row = read_b(v);
#pragma GCC unroll 16
                for (int r = 0; r < rows; ++r) sums[r][v] = fused(value[r], row, sums[r][v]);
            }
        } else {
            F row[vectors];
#pragma GCC unroll 16
            for (int v = 0; v < vectors; ++v) row[v] = read_b(v);
#pragma GCC unroll 16
            for (int r = 0; r < rows; ++r) {
                const F value = set(a[r]);
#pragma GCC unroll 16
                for (int v = 0; v < vectors; ++v) sums[r][v] = fused(value, row[v], sums[r][v]);
            }
        }
    };
    const auto add_line_row = [&](const float* a, const float* b) NARROWS_LAMBDA {
        add_row(a, b);
        __builtin_prefetch(a + rows);  // of the next tile
    };
    for (std::size_t t = 0; t < term_count; ++t) {
        const OuterTerm& term = terms[t];
        const std::size_t a_stride = term.a_stride, b_stride = term.b_stride;
        const float *block_a = term.a + first, *block_b = term.b + column;
        if constexpr (Between::shares > 0) {
            std::size_t n = 0;
            const auto add_until = [&](std::size_t end) NARROWS_LAMBDA {
                for (; n < end; ++n, block_a += a_stride, block_b += b_stride)
                    add_line_row(block_a, block_b);
            };
            if (t == 0)
                for (std::size_t share = 0; share < Between::shares; ++share) {
                    between(share);
                    add_until(term.rows * (share + 1) / Between::shares);
                }
            add_until(term.rows);
            continue;
        }
        if (is_line(term)) {
            for (std::size_t n = term.rows; n > 0; --n, block_a += a_stride, block_b += b_stride)
                add_line_row(block_a, block_b);
            continue;
        }
        for (std::size_t block = term.blocks.times; block > 0;
             --block, block_a += term.blocks.a, block_b += term.blocks.b) {
            const float *line_a = block_a, *line_b = block_b;
            for (std::size_t line = term.lines.times; line > 0;
                 --line, line_a += term.lines.a, line_b += term.lines.b) {
                const float *a = line_a, *b = line_b;
                for (std::size_t n = term.rows; n > 0; --n, a += a_stride, b += b_stride)
                    add_row(a, b);
            }
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v)
            store(tile_out + static_cast<std::size_t>(r) * panel_width +
                      static_cast<std::size_t>(v) * width,
                  sums[r][v]);
}

// All of a panel, as far as it is filled by `columns`; zeros beyond.
template <int rows, int vectors>
void outer_rows(const OuterTerm* terms, std::size_t term_count, std::size_t first,
                std::size_t panel, std::size_t columns, bool goes_on, float* tile_out) {
    const std::size_t column = panel * panel_width;
    constexpr auto step = static_cast<std::size_t>(vectors) * width;
    constexpr NothingBetween nothing;
    std::size_t at = 0;
    for (; at < panel_width && column + at + step <= columns; at += step)
        outer_tile<rows, vectors, false>(terms, term_count, first, column + at, columns, goes_on,
                                         tile_out + at, nothing);
    for (; at < panel_width && column + at < columns; at += step)
        outer_tile<rows, vectors, true>(terms, term_count, first, column + at, columns, goes_on,
                                        tile_out + at, nothing);
    for (; at < panel_width; at += width)
        for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r)
            store(tile_out + r * panel_width + at, set(0.0f));
}
using OuterRows = void (*)(const OuterTerm*, std::size_t, std::size_t, std::size_t, std::size_t,
                           bool, float*);
template <int vectors, class Rows = std::make_integer_sequence<int, gradient_rows(vectors)>>
struct OuterHeights;
template <int vectors, int... before>
struct OuterHeights<vectors, std::integer_sequence<int, before...>> {
    static constexpr OuterRows of[] = {outer_rows<before + 1, vectors>...};
};

// In tiles of nearly equal height: one of a single row would wait for itself.
template <int vectors>
void gradient_rows_of(std::span<const OuterTerm> terms, std::size_t first, std::size_t count,
                      std::size_t panel, std::size_t columns, bool goes_on, float* tile_out) {
    if constexpr (vectors > 1)
        if (columns - panel * panel_width <= (vectors - 1) * width)
            return gradient_rows_of<vectors - 1>(terms, first, count, panel, columns, goes_on,
                                                 tile_out);
    constexpr std::size_t most = gradient_rows(vectors);
    const std::size_t tiles = (count + most - 1) / most;
    for (std::size_t tile = 0; tile < tiles; ++tile) {
        const std::size_t at = count * tile / tiles, rows = count * (tile + 1) / tiles - at;
        OuterHeights<vectors>::of[rows - 1](terms.data(), terms.size(), first + at, panel, columns,
                                            goes_on, tile_out + at * panel_width);
    }
}

// `count` values of each row, side by side; whole vectors are written.
NARROWS_INLINE void bring_near(const float* from, std::size_t stride, std::size_t rows,
                               std::size_t count, float* to, std::size_t to_stride) {
    for (std::size_t r = 0; r < rows; ++r, from += stride, to += to_stride)
        for (std::size_t i = 0; i < count; i += width) store(to + i, read(from + i, count - i));
}

// A row of B is as long as the layer is wide, often by a power of two: what a tile reads of many
// rows meets in a few sets of the cache and nothing stays for the next tile. So the panel's columns
// of some rows are brought side by side, where that pays: with wide registers only where rows are
// whole pages apart (`near_multiple` of each level). The same of A costs more than it saves: the
// tiles ask for its next values. Rows that stay where they are, are cut too if they are many.
constexpr std::size_t near_rows = 128, fewest_near_rows = 32, fewest_near_weights = 16;
constexpr std::size_t fewest_cut_rows = 257;

constexpr bool comes_near(const OuterTerm& term) {
    return term.b_stride % near_multiple == 0;
}

constexpr std::size_t columns_of(std::size_t panel, std::size_t columns) {
    const std::size_t left = columns - panel * panel_width;
    return left < panel_width ? left : panel_width;
}

// The panel's columns of rows `from` ... of a term, into [rows][32]: the term that reads them.
NARROWS_INLINE OuterTerm near_term(const OuterTerm& term, std::size_t from, std::size_t rows,
                                   std::size_t panel, std::size_t columns, float* near_b) {
    bring_near(term.b + from * term.b_stride + panel * panel_width, term.b_stride, rows,
               columns_of(panel, columns), near_b, panel_width);
    return {term.a + from * term.a_stride, term.a_stride, near_b, panel_width, rows};
}

// Rows `from` ... of a term, as they lie.
constexpr OuterTerm part_of(const OuterTerm& term, std::size_t from, std::size_t rows) {
    return {term.a + from * term.a_stride, term.a_stride, term.b + from * term.b_stride,
            term.b_stride, rows};
}

// Some rows at a time, so that what tiles share stays in L1; their sums wait in the tile.
void weight_gradient(std::span<const OuterTerm> terms, std::size_t first, std::size_t count,
                     std::size_t panel, std::size_t columns, float* tile_out) {
    std::size_t rows = 0;
    bool lines = true, near = true;
    for (const OuterTerm& term : terms) {
        rows += term.rows;
        lines &= is_line(term);
        near &= comes_near(term);
    }
    if (!lines || count < fewest_near_weights || rows < (near ? fewest_near_rows : fewest_cut_rows))
        return gradient_rows_of<gradient_vectors>(terms, first, count, panel, columns, false,
                                                  tile_out);
    alignas(64) float near_b[near_rows * panel_width];
    bool goes_on = false;
    for (const OuterTerm& term : terms)
        for (std::size_t row = 0; row < term.rows; row += near_rows, goes_on = true) {
            const std::size_t some = term.rows - row < near_rows ? term.rows - row : near_rows;
            const OuterTerm part = near ? near_term(term, row, some, panel, columns, near_b)
                                        : part_of(term, row, some);
            gradient_rows_of<gradient_vectors>({&part, 1}, first, count, near ? 0 : panel,
                                               near ? columns_of(panel, columns) : columns, goes_on,
                                               tile_out);
        }
}

// Row j of B^T is column j of B: the tile's column goes to `count` neighbouring floats.
void transpose_tile(const float* tile_in, std::size_t first, std::size_t count, std::size_t panel,
                    std::size_t k, std::size_t n, float* transposed) {
    (void)k;
    const std::size_t row = panel * panel_width;
    const std::size_t rows = n - row < panel_width ? n - row : panel_width;
    const std::size_t column = first % panel_width;
    if (count == 8 && column + 8 <= panel_width && rows == panel_width) {
        float* to =
            transposed + (first / panel_width) * n * panel_width + row * panel_width + column;
        for (std::size_t j = 0; j < panel_width; j += 8)
            transpose_8x8(tile_in + j, panel_width, to + j * panel_width, panel_width);
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t at = first + i;
        float* to = transposed + (at / panel_width) * n * panel_width + at % panel_width;
        for (std::size_t j = 0; j < rows; ++j)
            to[(row + j) * panel_width] = tile_in[i * panel_width + j];
    }
}

// Strips of some vectors: a chain alone would wait for itself.
template <int vectors>
NARROWS_INLINE void strip_sums(const float* x, std::size_t stride, std::size_t rows, float* sums) {
    F chain[vectors];
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) chain[v] = set(0.0f);
    for (std::size_t r = 0; r < rows; ++r, x += stride)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; ++v)
            chain[v] = chain[v] + load(x + static_cast<std::size_t>(v) * width);
#pragma GCC unroll 16
    for (int v = 0; v < vectors; ++v) store(sums + static_cast<std::size_t>(v) * width, chain[v]);
}

void column_sums(const float* x, std::size_t stride, std::size_t rows, std::size_t first,
                 std::size_t last, float* sums) {
    std::size_t j = first;
    for (; j + 4 * width <= last; j += 4 * width) strip_sums<4>(x + j, stride, rows, sums + j);
    for (; j + 2 * width <= last; j += 2 * width) strip_sums<2>(x + j, stride, rows, sums + j);
    for (; j < last; j += width) {
        F chain = set(0.0f);
        for (std::size_t r = 0; r < rows; ++r) chain = chain + read(x + r * stride + j, last - j);
        write(sums + j, chain, last - j);
    }
}
