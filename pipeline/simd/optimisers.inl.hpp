struct AdamConstants {
    explicit AdamConstants(const AdamStep& step)
        : beta1(set(step.beta1)),
          beta2(set(step.beta2)),
          epsilon(set(step.epsilon)),
          rest1(set(1.0f - step.beta1)),
          rest2(set(1.0f - step.beta2)),
          correction2(set(step.correction2)),
          decay(set(step.decay)),
          clip(set(step.gradient_scale)),
          rate(set(-step.rate * step.correction1)),
          keep(set(1.0f - step.rate * step.decoupled_decay)) {}
    F beta1, beta2, epsilon, rest1, rest2, correction2, decay, clip, rate, keep;
};
// One vector of weights, given its gradient; `weight`, `mean` and `variance` become the new ones.
NARROWS_INLINE void adam_vector(const AdamConstants& c, F gradient, F& weight, F& mean,
                                F& variance) {
    const F slope = fused(c.decay, weight, gradient * c.clip);
    mean = fused(c.beta1, mean, c.rest1 * slope);
    variance = fused(c.beta2, variance, c.rest2 * (slope * slope));
    const F size = square_root(variance * c.correction2) + c.epsilon;
    weight = fused(weight, c.keep, quotient(c.rate * mean, size));
}

// One pass over weights, gradient and state.
void adam(const AdamStep& step, float* w, const float* g, float* m, float* v, std::size_t n) {
    const AdamConstants constants(step);
    for (std::size_t i = 0; i < n; i += width) {
        const std::size_t left = n - i;
        F weight = read(w + i, left), mean = read(m + i, left), variance = read(v + i, left);
        adam_vector(constants, read(g + i, left), weight, mean, variance);
        write(m + i, mean, left);
        write(v + i, variance, left);
        write(w + i, weight, left);
    }
}

void momentum(const MomentumStep& step, float* w, const float* g, float* m, std::size_t n) {
    const F rate = set(-step.rate), decay = set(step.decay), clip = set(step.gradient_scale);
    const F inertia = set(step.momentum);
    for (std::size_t i = 0; i < n; i += width) {
        const std::size_t left = n - i;
        const F weight = read(w + i, left);
        F slope = fused(decay, weight, read(g + i, left) * clip);
        if (m) {
            const F speed = fused(inertia, read(m + i, left), slope);
            write(m + i, speed, left);
            slope = step.nesterov ? fused(inertia, speed, slope) : speed;
        }
        write(w + i, fused(rate, slope, weight), left);
    }
}

// Fused multiply-adds that never leave the registers: more chains than latency x ports.
double peak(std::size_t iterations) {
    constexpr int chains = 12;
    F sums[chains];
#pragma GCC unroll 16
    for (int i = 0; i < chains; ++i) sums[i] = set(static_cast<float>(i));
    F a = set(0.5f), b = set(0.25f);
    for (std::size_t n = 0; n < iterations; ++n) {
        __asm__ volatile("" : : : "memory");
#pragma GCC unroll 16
        for (int i = 0; i < chains; ++i) sums[i] = fused(sums[i], a, b);
    }
    F all = sums[0];
#pragma GCC unroll 16
    for (int i = 1; i < chains; ++i) all = all + sums[i];
    alignas(64) float lane[width];
    store(lane, all);
    __asm__ volatile("" : : "r"(lane) : "memory");  // somebody might look
    return static_cast<double>(iterations) * chains * static_cast<double>(width) * 2.0;
}
