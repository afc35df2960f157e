// Losses of one row, value and gradient in one pass.

NARROWS_INLINE void add_wide(F v, D& low, D& high) {
    low = low + widen<0>(v);
    high = high + widen<1>(v);
}

double squared_error(const float* prediction, const float* target, float factor, float* gradient,
                     std::size_t n) {
    const F slope = set(2.0f * factor);
    return reduce(n, [=](std::size_t i, std::size_t left, D& low, D& high) NARROWS_LAMBDA {
        const F d = read(prediction + i, left) - read(target + i, left);
        add_square(d, low, high);
        if (gradient) write(gradient + i, d * slope, left);
    });
}

double huber(const float* prediction, const float* target, float delta, float factor,
             float* gradient, std::size_t n) {
    const F limit = set(delta), slope = set(factor), half = set(0.5f);
    return reduce(n, [=](std::size_t i, std::size_t left, D& low, D& high) NARROWS_LAMBDA {
        const F d = read(prediction + i, left) - read(target + i, left);
        const F size = absolute(d);
        const M outside = size > limit;
        const F far = limit * (size - half * limit), near = half * (d * d);
        add_wide(select(outside, far, near), low, high);
        if (gradient) write(gradient + i, select(outside, with_sign_of(limit, d), d) * slope, left);
    });
}

// The sum of log(1 + e) over a lane is the log of a product: factors are multiplied in double
// (p + p e is one fused step, exact to 2^-53), and only at the end is one logarithm taken. A
// factor is at most 2, so the product is brought back to [1, 2) every 512 factors.
struct LogSum {
    Lanes product = Lanes::filled(1.0);
    double exponent = 0;

    // Moves the exponents of all lanes into `exponent`; what stays is in [1, 2), a NaN stays.
    NARROWS_INLINE void normalise() {
        alignas(64) double lane[16];
        for (std::size_t i = 0; i < 16 / doubles; ++i) store(lane + i * doubles, product.part[i]);
        for (double& value : lane) {
            if (!(value < 0x1p+1000)) continue;  // only a NaN is not
            const auto raw = __builtin_bit_cast(std::uint64_t, value);
            exponent += static_cast<double>(static_cast<std::int64_t>(raw >> 52) - 1023);
            value = __builtin_bit_cast(double, (raw & 0xfffffffffffffu) | 0x3ff0000000000000u);
        }
        for (std::size_t i = 0; i < 16 / doubles; ++i) product.part[i] = loaded(lane + i * doubles);
    }
    NARROWS_INLINE static D loaded(const double* lane) {
        D v;
        __builtin_memcpy(&v, lane, sizeof v);
        return v;
    }
    NARROWS_INLINE double total() {
        normalise();
        alignas(64) double lane[16];
        for (std::size_t i = 0; i < 16 / doubles; ++i) store(lane + i * doubles, product.part[i]);
        for (std::size_t half = 8; half > 0; half /= 2)
            for (std::size_t i = 0; i < half; ++i) lane[i] *= lane[i + half];
        const double all = lane[0];  // below 2^16, or a NaN
        if (!(all < 0x1p+17)) return all;
        const auto raw = __builtin_bit_cast(std::uint64_t, all);
        const double more = static_cast<double>(static_cast<std::int64_t>(raw >> 52) - 1023);
        return log_of_mantissa(
            __builtin_bit_cast(double, (raw & 0xfffffffffffffu) | 0x3ff0000000000000u),
            exponent + more);
    }
};

// max(z, 0) - z t + log(1 + e^-|z|)
double bce_logits(const float* logits, const float* target, float factor, float* gradient,
                  std::size_t n) {
    const F slope = set(factor), zero = set(0.0f), one = set(1.0f);
    constexpr std::size_t stretch = 16 * 512;
    LogSum logs;
    Lanes linear = Lanes::filled(0.0);
    for (std::size_t from = 0; from < n; from += stretch) {
        const std::size_t count = n - from < stretch ? n - from : stretch;
        if (from > 0) logs.normalise();
        Lanes product = logs.product;
        walk(count, [&](std::size_t at, std::size_t left, std::size_t v) NARROWS_LAMBDA {
            const std::size_t i = from + at;
            const F z = read(logits + i, left), t = read(target + i, left);
            F e = exp_of_negative(negative(absolute(z)));
            const M below = z < zero;
            add_wide(fused(negative(z), t, select(below, zero, z)), linear.part[2 * v],
                     linear.part[2 * v + 1]);
            if (gradient) {
                const F s = quotient(one, one + e);
                write(gradient + i, (select(below, e * s, s) - t) * slope, left);
            }
            if (left < width) e = keep_part(e, left);
            D& first = product.part[2 * v];
            D& second = product.part[2 * v + 1];
            first = fused(first, widen<0>(e), first);
            second = fused(second, widen<1>(e), second);
        });
        logs.product = product;
    }
    return linear.total() + logs.total();
}

double bce(const float* probability, const float* target, float factor, float* gradient,
           std::size_t n) {
    const F lowest = set(1e-7f), highest = set(1.0f - 1e-7f), one = set(1.0f), slope = set(factor);
    return reduce(n, [=](std::size_t i, std::size_t left, D& low, D& high) NARROWS_LAMBDA {
        const F p = smaller(highest, larger(lowest, read(probability + i, left)));
        const F t = read(target + i, left), rest = one - p;
        const F log_p = log_of_normal(p), log_rest = log_of_normal(rest);
        F loss = negative(fused(t, log_p - log_rest, log_rest));
        loss = select(p == p, loss, p);
        if (left < width) loss = keep_part(loss, left);
        add_wide(loss, low, high);
        if (gradient) write(gradient + i, quotient(p - t, p * rest) * slope, left);
    });
}
