// Losses of one row with a weight for each element. An element of weight 0 adds an exact zero to
// value and gradient; weights of 1 give the gradients of the unweighted loops to the bit.

double weighted_squared_error(const float* prediction, const float* target, const float* weight,
                              float factor, float* gradient, std::size_t n) {
    const F slope = set(2.0f * factor);
    return reduce(n, [=](std::size_t i, std::size_t left, D& low, D& high) NARROWS_LAMBDA {
        const F d = read(prediction + i, left) - read(target + i, left);
        const F w = read(weight + i, left);
        const D a = widen<0>(d), b = widen<1>(d);
        low = fused(widen<0>(w) * a, a, low);
        high = fused(widen<1>(w) * b, b, high);
        if (gradient) write(gradient + i, d * slope * w, left);
    });
}

NARROWS_INLINE void add_product(F v, F w, D& low, D& high) {
    low = fused(widen<0>(v), widen<0>(w), low);
    high = fused(widen<1>(v), widen<1>(w), high);
}

double weighted_huber(const float* prediction, const float* target, const float* weight,
                      float delta, float factor, float* gradient, std::size_t n) {
    const F limit = set(delta), slope = set(factor), half = set(0.5f);
    return reduce(n, [=](std::size_t i, std::size_t left, D& low, D& high) NARROWS_LAMBDA {
        const F d = read(prediction + i, left) - read(target + i, left);
        const F w = read(weight + i, left);
        const F size = absolute(d);
        const M outside = size > limit;
        const F far = limit * (size - half * limit), near = half * (d * d);
        add_product(select(outside, far, near), w, low, high);
        if (gradient)
            write(gradient + i, select(outside, with_sign_of(limit, d), d) * slope * w, left);
    });
}

// The logarithm is taken of each element: products of factors, as in bce_logits, carry no weights.
double weighted_bce_logits(const float* logits, const float* target, const float* weight,
                           float factor, float* gradient, std::size_t n) {
    const F slope = set(factor), zero = set(0.0f), one = set(1.0f);
    return reduce(n, [=](std::size_t i, std::size_t left, D& low, D& high) NARROWS_LAMBDA {
        const F z = read(logits + i, left), t = read(target + i, left);
        const F w = read(weight + i, left);
        const F e = exp_of_negative(negative(absolute(z)));
        const M below = z < zero;
        add_product(fused(negative(z), t, select(below, zero, z)), w, low, high);
        add_product(log1p_of(e), w, low, high);
        if (gradient) {
            const F s = quotient(one, one + e);
            write(gradient + i, (select(below, e * s, s) - t) * slope * w, left);
        }
    });
}

double weighted_bce(const float* probability, const float* target, const float* weight,
                    float factor, float* gradient, std::size_t n) {
    const F lowest = set(1e-7f), highest = set(1.0f - 1e-7f), one = set(1.0f), slope = set(factor);
    return reduce(n, [=](std::size_t i, std::size_t left, D& low, D& high) NARROWS_LAMBDA {
        const F p = smaller(highest, larger(lowest, read(probability + i, left)));
        const F t = read(target + i, left), rest = one - p, w = read(weight + i, left);
        const F log_p = log_of_normal(p), log_rest = log_of_normal(rest);
        const F loss = negative(fused(t, log_p - log_rest, log_rest));
        add_product(select(p == p, loss, p), w, low, high);
        if (gradient) write(gradient + i, quotient(p - t, p * rest) * slope * w, left);
    });
}
