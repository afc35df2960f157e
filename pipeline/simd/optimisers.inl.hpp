// One pass over weights, gradient and state.
void adam(const AdamStep& step, float* w, const float* g, float* m, float* v, std::size_t n) {
    const F beta1 = set(step.beta1), beta2 = set(step.beta2), epsilon = set(step.epsilon);
    const F rest1 = set(1.0f - step.beta1), rest2 = set(1.0f - step.beta2);
    const F correction2 = set(step.correction2), decay = set(step.decay);
    const F clip = set(step.gradient_scale), rate = set(-step.rate * step.correction1);
    const F keep = set(1.0f - step.rate * step.decoupled_decay);
    for (std::size_t i = 0; i < n; i += width) {
        const std::size_t left = n - i;
        const F weight = read(w + i, left);
        const F slope = fused(decay, weight, read(g + i, left) * clip);
        const F mean = fused(beta1, read(m + i, left), rest1 * slope);
        const F variance = fused(beta2, read(v + i, left), rest2 * (slope * slope));
        const F size = square_root(variance * correction2) + epsilon;
        write(m + i, mean, left);
        write(v + i, variance, left);
        write(w + i, fused(weight, keep, rate * mean / size), left);
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
