// Walking over arrays. A tail is a vector with its missing lanes zero: the same formulas as
// everywhere else. Reductions keep 16 lanes of double whatever the vector's width.
constexpr std::size_t doubles = width / 2;         // lanes of D
constexpr std::size_t vectors_of_16 = 16 / width;  // F vectors in a block of 16 elements

NARROWS_INLINE F read(const float* p, std::size_t left) {
    return left >= width ? load(p) : load_part(p, left);
}
NARROWS_INLINE void write(float* p, F v, std::size_t left) {
    if (left >= width)
        store(p, v);
    else
        store_part(p, v, left);
}

// y[i] = op(x[i])
template <class Op>
NARROWS_INLINE void map(const float* x, float* y, std::size_t n, Op op) {
    for (std::size_t i = 0; i < n; i += width) write(y + i, op(read(x + i, n - i)), n - i);
}
// z[i] = op(x[i], y[i])
template <class Op>
NARROWS_INLINE void map(const float* x, const float* y, float* z, std::size_t n, Op op) {
    for (std::size_t i = 0; i < n; i += width)
        write(z + i, op(read(x + i, n - i), read(y + i, n - i)), n - i);
}

// Sixteen running sums; lane j takes the elements i with i mod 16 = j.
struct Lanes {
    D part[16 / doubles];

    NARROWS_INLINE static Lanes filled(double value) {
        Lanes lanes;
#pragma GCC unroll 8
        for (D& part : lanes.part) part = set(value);
        return lanes;
    }
    // Sum by a fixed tree: halves onto each other.
    NARROWS_INLINE double total() const {
        alignas(64) double lane[16];
#pragma GCC unroll 8
        for (std::size_t i = 0; i < 16 / doubles; ++i) store(lane + i * doubles, part[i]);
        for (std::size_t half = 8; half > 0; half /= 2)
            for (std::size_t i = 0; i < half; ++i) lane[i] += lane[i + half];
        return lane[0];
    }
};

// op(i, left, v) for each vector of the array: elements i ..., of which `left` exist, vector v of
// its block of 16. Lanes that no element belongs to are never touched.
template <class Op>
NARROWS_INLINE void walk(std::size_t n, Op op) {
    for (std::size_t i = 0; i < n; i += 16) {
#pragma GCC unroll 4
        for (std::size_t v = 0; v < vectors_of_16; ++v) {
            const std::size_t at = i + v * width;
            if (at < n) op(at, n - at, v);
        }
    }
}
// As walk, with the two parts of the sums that belong to the vector.
template <class Op>
NARROWS_INLINE double reduce(std::size_t n, Op op) {
    Lanes sums = Lanes::filled(0.0);
    walk(n, [&](std::size_t at, std::size_t left, std::size_t v)
                NARROWS_LAMBDA { op(at, left, sums.part[2 * v], sums.part[2 * v + 1]); });
    return sums.total();
}

// Asks for a line that will be written, before another core's copy of it is in the way. The builtin
// asks for reading alone unless the compiler is told of an instruction that x86-64 always accepts.
NARROWS_INLINE void prefetch_to_write(const void* line) {
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" : : "m"(*static_cast<const char*>(line)));
#else
    __builtin_prefetch(line, 1);
#endif
}
