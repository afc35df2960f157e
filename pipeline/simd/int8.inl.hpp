// Products of bytes with signed bytes. Sums are exact in 32 bits, so their order is free; the
// epilogue is one fused step and our own activation, alike at every level. A tile of rows x vectors
// stays in registers while k runs by fours; its sums go through a block on the stack to the
// epilogue.
constexpr std::size_t int8_panel = panel_width * 4;  // bytes of four k
constexpr int int8_panel_vectors = static_cast<int>(panel_width / width);
static_assert(int8_panel_vectors % int8_vectors == 0);

NARROWS_INLINE std::uint32_t four_bytes(const std::uint8_t* p) {
    std::uint32_t four;
    __builtin_memcpy(&four, p, 4);
    return four;
}
// The last bytes of a row, zeros behind them: nothing beyond the row is read.
NARROWS_INLINE std::uint32_t last_bytes(const std::uint8_t* p, std::size_t count) {
    std::uint32_t four = 0;
    for (std::size_t i = 0; i < count; ++i) four |= std::uint32_t{p[i]} << (8 * i);
    return four;
}

// sums [rows][panel_width], the bits of 32-bit integers, = a [rows, depth] * (vectors from vector
// `at` of the panel)
template <int rows>
NARROWS_INLINE void int8_tile(const std::uint8_t* a, std::size_t stride, std::size_t depth,
                              const std::int8_t* panel, int at, float* sums) {
    I sum[rows][int8_vectors];
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < int8_vectors; ++v) sum[r][v] = set(std::int32_t{0});
    const std::int8_t* from = panel + static_cast<std::size_t>(at) * width * 4;
    const std::size_t whole = depth / 4 * 4;
    for (std::size_t k = 0; k < whole; k += 4, from += int8_panel) {
        decltype(weights_of(from)) weights[int8_vectors];
#pragma GCC unroll 16
        for (int v = 0; v < int8_vectors; ++v)
            weights[v] = weights_of(from + static_cast<std::size_t>(v) * width * 4);
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r) {
            const auto values = values_of(four_bytes(a + static_cast<std::size_t>(r) * stride + k));
#pragma GCC unroll 16
            for (int v = 0; v < int8_vectors; ++v)
                sum[r][v] = add_products(sum[r][v], values, weights[v]);
        }
    }
    if (whole <
        depth) {  // straight code: any loop here, or a shared lambda, puts the sums in memory
        std::uint32_t last[rows];
        for (int r = 0; r < rows; ++r)
            last[r] = last_bytes(a + static_cast<std::size_t>(r) * stride + whole, depth - whole);
        decltype(weights_of(from)) weights[int8_vectors];
#pragma GCC unroll 16
        for (int v = 0; v < int8_vectors; ++v)
            weights[v] = weights_of(from + static_cast<std::size_t>(v) * width * 4);
#pragma GCC unroll 16
        for (int r = 0; r < rows; ++r) {
            const auto values = values_of(last[r]);
#pragma GCC unroll 16
            for (int v = 0; v < int8_vectors; ++v)
                sum[r][v] = add_products(sum[r][v], values, weights[v]);
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < int8_vectors; ++v)
            store(sums + static_cast<std::size_t>(r) * panel_width +
                      static_cast<std::size_t>(at + v) * width,
                  floats(sum[r][v]));
}

template <int rows>
void int8_rows_of(const std::uint8_t* a, std::size_t stride, std::size_t depth,
                  const std::int8_t* panel, float* sums) {
    for (int at = 0; at < int8_panel_vectors; at += int8_vectors)
        int8_tile<rows>(a, stride, depth, panel, at, sums);
}
using Int8Rows = void (*)(const std::uint8_t*, std::size_t, std::size_t, const std::int8_t*,
                          float*);
constexpr Int8Rows int8_heights[] = {int8_rows_of<1>, int8_rows_of<2>, int8_rows_of<3>,
                                     int8_rows_of<4>, int8_rows_of<5>, int8_rows_of<6>,
                                     int8_rows_of<7>, int8_rows_of<8>};
static_assert(int8_rows <= 8);  // with more g++ 12 keeps sums on the stack

// To the nearest of 0 ... 255, halves to even: the sum's last bits are the integer. NaN becomes 0.
NARROWS_INLINE I byte_of(F v) {
    constexpr float shift = 0x1.8p+23f;
    const F within = smaller(larger(v, set(0.0f)), set(255.0f));
    return difference(bits(within + set(shift)), bits(set(shift)));
}

// Rows of a panel's sums to values or bytes.
template <Activation kind>
void int8_epilogue(const Int8Product& p, const float* sums, std::size_t row, std::size_t rows,
                   std::size_t column) {
    const F alpha = set(p.alpha);
    for (std::size_t i = 0; i < panel_width && column + i < p.columns; i += width) {
        const std::size_t at = column + i, left = p.columns - at;
        const F scale = load(p.scale + at), bias = load(p.bias + at);
        const bool bytes = p.bytes != nullptr;
        const F factor = bytes ? load(p.factor + at) : scale;
        const F offset = bytes ? load(p.offset + at) : bias;
        for (std::size_t r = 0; r < rows; ++r) {
            const I sum = bits(load(sums + r * panel_width + i));
            const F y = activated<kind>(fused(converted(sum), scale, bias), alpha);
            const std::size_t to = (row + r) * p.c_stride + at;
            if (bytes)
                store_bytes(p.bytes + to, byte_of(fused(y, factor, offset)), left);
            else
                write(p.c + to, y, left);
        }
    }
}
using Int8Epilogue = void (*)(const Int8Product&, const float*, std::size_t, std::size_t,
                              std::size_t);
constexpr Int8Epilogue int8_epilogues[] = {
    int8_epilogue<Activation::linear>,     int8_epilogue<Activation::relu>,
    int8_epilogue<Activation::leaky_relu>, int8_epilogue<Activation::elu>,
    int8_epilogue<Activation::selu>,       int8_epilogue<Activation::gelu>,
    int8_epilogue<Activation::sigmoid>,    int8_epilogue<Activation::tanh>,
    int8_epilogue<Activation::softplus>};

void int8_product(const Int8Product& p) {
    if (p.rows == 0) return;
    alignas(64) float sums[static_cast<std::size_t>(int8_rows) * panel_width];
    const std::size_t tiles = (p.rows + int8_rows - 1) / int8_rows;
    const std::size_t height = p.rows / tiles, taller = p.rows % tiles;
    const std::size_t panel_bytes = (p.depth + 3) / 4 * int8_panel;
    for (std::size_t panel = 0; panel < panel_count(p.columns); ++panel) {
        std::size_t row = 0;
        for (std::size_t t = 0; t < tiles; ++t) {
            const std::size_t rows = height + (t < taller ? 1 : 0);
            int8_heights[rows - 1](p.a + row * p.a_stride, p.a_stride, p.depth,
                                   p.panels + panel * panel_bytes, sums);
            int8_epilogues[static_cast<int>(p.activation)](p, sums, row, rows, panel * panel_width);
            row += rows;
        }
    }
}

void quantise(const float* x, const float* factor, const float* offset, std::size_t features,
              std::size_t rows, std::uint8_t* y) {
    for (std::size_t r = 0; r < rows; ++r, x += features, y += features)
        for (std::size_t i = 0; i < features; i += width) {
            const std::size_t left = features - i;
            const F v = fused(read(x + i, left), read(factor + i, left), read(offset + i, left));
            store_bytes(y + i, byte_of(v), left);
        }
}
