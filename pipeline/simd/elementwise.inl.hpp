// Small passes over arrays, and reductions of a row.
void exponential(const float* x, float* y, std::size_t n) {
    map(x, y, n, [](F v) NARROWS_LAMBDA { return exp_of(v); });
}
void logarithm(const float* x, float* y, std::size_t n) {
    map(x, y, n, [](F v) NARROWS_LAMBDA { return log_of(v); });
}
void add(const float* x, float* y, std::size_t n) {
    map(x, y, y, n, [](F a, F b) NARROWS_LAMBDA { return b + a; });
}
void multiply(const float* x, float* y, std::size_t n) {
    map(x, y, y, n, [](F a, F b) NARROWS_LAMBDA { return b * a; });
}
void scale(float factor, float* y, std::size_t n) {
    const F f = set(factor);
    map(y, y, n, [=](F a) NARROWS_LAMBDA { return a * f; });
}
void scale_shift(const float* x, float a, float b, float* y, std::size_t n) {
    const F factor = set(a), shift = set(b);
    map(x, y, n, [=](F v) NARROWS_LAMBDA { return fused(v, factor, shift); });
}

void affine(const float* x, const float* shift, const float* factor, std::size_t features,
            std::size_t rows, float* y) {
    if (features == 1) {
        const F s = set(*shift), f = set(*factor);
        map(x, y, rows, [=](F v) NARROWS_LAMBDA { return (v - s) * f; });
        return;
    }
    for (std::size_t r = 0; r < rows; ++r, x += features, y += features)
        for (std::size_t i = 0; i < features; i += width) {
            const std::size_t left = features - i;
            write(y + i, (read(x + i, left) - read(shift + i, left)) * read(factor + i, left),
                  left);
        }
}

void from_u8(const std::uint8_t* x, float factor, float* y, std::size_t n) {
    const F f = set(factor);
    std::size_t i = 0;
    for (; i + width <= n; i += width) store(y + i, load_bytes(x + i) * f);
    for (; i < n; ++i) y[i] = static_cast<float>(x[i]) * factor;
}

double sum(const float* x, std::size_t n) {
    return reduce(n, [=](std::size_t i, std::size_t left, D& low, D& high) NARROWS_LAMBDA {
        const F v = read(x + i, left);
        low = low + widen<0>(v);
        high = high + widen<1>(v);
    });
}
NARROWS_INLINE void add_square(F v, D& low, D& high) {
    const D a = widen<0>(v), b = widen<1>(v);
    low = fused(a, a, low);
    high = fused(b, b, high);
}
double sum_squares(const float* x, std::size_t n) {
    return reduce(n, [=](std::size_t i, std::size_t left, D& low, D& high)
                         NARROWS_LAMBDA { add_square(read(x + i, left), low, high); });
}
double squared_distance(const float* x, const float* y, std::size_t n) {
    return reduce(n, [=](std::size_t i, std::size_t left, D& low, D& high) NARROWS_LAMBDA {
        add_square(read(x + i, left) - read(y + i, left), low, high);
    });
}
bool all_finite(const float* x, std::size_t n) {
    // x - x is 0 for every finite x and a NaN otherwise; sums of zeros stay zero.
    F difference_sum = set(0.0f);
    for (std::size_t i = 0; i < n; i += width) {
        const F v = read(x + i, n - i);
        difference_sum = difference_sum + (v - v);
    }
    alignas(64) float lane[width];
    store(lane, difference_sum);
    bool finite = true;
    for (float value : lane) finite = finite && value == 0.0f;
    return finite;
}
