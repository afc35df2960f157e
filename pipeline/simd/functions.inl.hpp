// exp, log and their kin: range reduction and a minimax polynomial (our own fits), in the same
// order of fused steps at every level. Errors: exp and log below 2 ulp, the others about 1e-7
// relative. NaN stays NaN, infinities give the limits, denormals are ordinary numbers.

NARROWS_INLINE F polynomial(F, float last) {
    return set(last);
}
// c0 + x (c1 + x (c2 + ...))
template <class... Rest>
NARROWS_INLINE F polynomial(F x, float first, float second, Rest... rest) {
    return fused(polynomial(x, second, rest...), x, set(first));
}

NARROWS_INLINE F absolute(F x) {
    return floats(bits(x) & set(std::int32_t{0x7fffffff}));
}
NARROWS_INLINE F negative(F x) {
    return floats(bits(x) ^ set(std::int32_t{-0x7fffffff - 1}));
}
NARROWS_INLINE F with_sign_of(F magnitude, F sign) {
    return floats(bits(magnitude) | (bits(sign) & set(std::int32_t{-0x7fffffff - 1})));
}

constexpr float ln2_high = 0x1.62e400p-1f;  // 17 bits: whole multiples are exact
constexpr float ln2_low = 0x1.7f7d1cp-20f;  // the rest of ln 2
constexpr float log2_e = 0x1.715476p+0f;
// Adding it rounds to a whole number, kept in the low bits.
constexpr float rounder = 0x1.8p+23f;

// x = n ln 2 + r with |r| <= ln 2 / 2; tail = e^r - 1. Needs |n| < 2^22.
struct Reduced {
    F n, tail;
    I whole;
};
NARROWS_INLINE Reduced reduce_exponential(F x) {
    const F shifted = fused(x, set(log2_e), set(rounder));
    Reduced out;
    out.n = shifted - set(rounder);
    out.whole = difference(bits(shifted), bits(set(rounder)));
    F r = fused(out.n, set(-ln2_high), x);
    r = fused(out.n, set(-ln2_low), r);
    const F c = polynomial(r, 0x1p-1f, 0x1.555556p-3f, 0x1.5554eap-5f, 0x1.1110acp-7f,
                           0x1.6d4328p-10f, 0x1.a17df0p-13f);
    out.tail = fused(r * r, c, r);
    return out;
}

NARROWS_INLINE F exp_of(F x) {
    x = smaller(set(90.0f), larger(set(-105.0f), x));  // beyond: inf and 0; a NaN passes
    const Reduced e = reduce_exponential(x);
    return scaled_by_power(e.tail + set(1.0f), e.n, e.whole);
}

// e^x for x <= 0 down to -87, below which it is 0 or tiny: one multiplication less.
NARROWS_INLINE F exp_of_negative(F x) {
    x = larger(set(-87.0f), x);
    const Reduced e = reduce_exponential(x);
    const F power = floats(shift_left<23>(sum_of(e.whole, set(std::int32_t{127}))));
    return fused(e.tail, power, power);
}

// e^x - 1 for x <= 0.
NARROWS_INLINE F expm1_of_negative(F x) {
    x = larger(set(-30.0f), x);
    const Reduced e = reduce_exponential(x);
    const F power = floats(shift_left<23>(sum_of(e.whole, set(std::int32_t{127}))));
    return fused(power, e.tail, power - set(1.0f));
}

// log(1 + f) + n ln 2 for 1 + f in [sqrt 1/2, sqrt 2]
NARROWS_INLINE F log_from(F f, F n) {
    const F p = polynomial(f, 0x1.555554p-2f, -0x1.ffffe6p-3f, 0x1.999d36p-3f, -0x1.55625cp-3f,
                           0x1.23dd1ap-3f, -0x1.fbc4d0p-4f, 0x1.dc8e44p-4f, -0x1.dd9766p-4f,
                           0x1.2c5766p-4f);
    const F square = f * f;
    F low = fused(square * f, p, n * set(ln2_low));
    low = fused(square, set(-0.5f), low);
    return fused(n, set(ln2_high), f + low);
}

NARROWS_INLINE F log_of_normal(F x) {  // positive, finite, not denormal
    // The exponent is taken so that the mantissa lies around 1, in [sqrt 1/2, sqrt 2).
    const I offset = set(std::int32_t{0x3f3504f3});
    const I shifted = difference(bits(x), offset);
    const F n = converted(shift_right<23>(shifted));
    const F m = floats(sum_of(shifted & set(std::int32_t{0x007fffff}), offset));
    return log_from(m - set(1.0f), n);
}

NARROWS_INLINE F log_of(F x) {
    const F smallest = set(0x1p-126f);
    const M small = x < smallest;
    const F y = log_of_normal(select(small, x * set(0x1p+32f), x));
    const F shift = select(small, set(-32.0f * 0.693147180559945f), set(0.0f));
    F out = y + shift;
    out = select(x < set(__builtin_inff()), out, x);  // inf and NaN as they are
    out = select(x < set(0.0f), set(__builtin_nanf("")), out);
    return select(x == set(0.0f), set(-__builtin_inff()), out);
}

// log(1 + u) for u in [0, 1]; u must not be rounded into 1 + u when it is small
NARROWS_INLINE F log1p_of(F u) {
    const M upper = u > set(0.41421357f);
    const F f = select(upper, (u - set(1.0f)) * set(0.5f), u);
    return log_from(f, select(upper, set(1.0f), set(0.0f)));
}

NARROWS_INLINE F sigmoid_of(F x) {
    const F e = exp_of_negative(negative(absolute(x)));
    const F s = quotient(set(1.0f), set(1.0f) + e);
    return select(x < set(0.0f), e * s, s);
}

NARROWS_INLINE F tanh_of(F x) {
    const F m = expm1_of_negative(set(-2.0f) * absolute(x));
    return with_sign_of(quotient(negative(m), m + set(2.0f)), x);
}

NARROWS_INLINE F softplus_of(F x) {
    const F tail = log1p_of(exp_of_negative(negative(absolute(x))));
    return select(x > set(0.0f), x + tail, tail);
}

// The normal distribution beyond t = |x|: tail = 1 - Phi(t), and e^(-t^2/2). With q = (t-3)/(t+3)
// the ratio of the two is a polynomial; the square's rounding error is carried along.
struct NormalTail {
    F tail, bell;
};
NARROWS_INLINE NormalTail normal_tail(F t) {
    t = smaller(set(15.0f), t);
    const F q = quotient(t - set(3.0f), t + set(3.0f));
    const F ratio = polynomial(q, 0x1.f1b89cp-4f, -0x1.a6b66ap-3f, 0x1.f8bad6p-4f, -0x1.7a942ep-5f,
                               0x1.91dab8p-8f, 0x1.7ca93ep-9f, -0x1.01a418p-10f, -0x1.62fdb8p-12f,
                               0x1.e04450p-14f, 0x1.b9e1a6p-15f);
    const F square = t * t;
    const F error = fused(t, t, negative(square));
    const F rough = exp_of(set(-0.5f) * square);
    const F bell = fused(rough, set(-0.5f) * error, rough);
    return {bell * ratio, bell};
}

// x Phi(x)
NARROWS_INLINE F gelu_of(F x) {
    const F tail = normal_tail(absolute(x)).tail;
    const F bounded = smaller(set(15.0f), larger(set(-15.0f), x));
    return select(x < set(0.0f), bounded * tail, fused(negative(bounded), tail, x));
}
// Phi(x) + x phi(x)
NARROWS_INLINE F gelu_slope(F x) {
    const NormalTail normal = normal_tail(absolute(x));
    const F bounded = smaller(set(15.0f), larger(set(-15.0f), x));
    const F whole = select(x < set(0.0f), normal.tail, set(1.0f) - normal.tail);
    return fused(bounded * normal.bell, set(0.3989422804f), whole);
}

// Sine and cosine of u turns, u = word's upper 24 bits / 2^24: the quadrant is exact.
struct Turn {
    F cosine, sine;
};
NARROWS_INLINE Turn turn_of(I word) {
    const I fine = shift_right_zero<8>(word);
    const I quadrant = shift_right<22>(sum_of(fine, set(std::int32_t{1 << 21})));
    const F f = converted(difference(fine, shift_left<22>(quadrant))) * set(0x1p-24f);
    const F square = f * f;
    const F s =
        f * polynomial(square, 0x1.921fb6p+2f, -0x1.4abbbap+5f, 0x1.465e92p+6f, -0x1.2d9302p+6f);
    const F c = polynomial(square, 0x1p+0f, -0x1.3bd3ccp+4f, 0x1.03c1dap+6f, -0x1.55c4eap+6f,
                           0x1.d99f52p+5f);
    // Quadrants 1 and 3 swap the two; 1 and 2 negate the cosine, 2 and 3 the sine.
    const M swapped = converted(quadrant & set(std::int32_t{1})) > set(0.0f);
    const I sign_c = shift_left<31>(shift_right<1>(sum_of(quadrant, set(std::int32_t{1}))));
    const I sign_s = shift_left<31>(shift_right<1>(quadrant));
    return {floats(bits(select(swapped, s, c)) ^ sign_c),
            floats(bits(select(swapped, c, s)) ^ sign_s)};
}

// Natural logarithm of a double in [1, 2) by s = f / (2 + f), one value at a time.
NARROWS_INLINE double log_of_mantissa(double m, double exponent) {
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent += 1;
    }
    const double f = m - 1.0, s = f / (2.0 + f), z = s * s;
    double p = 0x1.2b5fcc46709e6p-3;
    p = fused(p, z, 0x1.39fdb821d8835p-3);
    p = fused(p, z, 0x1.7462ba3129dc3p-3);
    p = fused(p, z, 0x1.c71c62d01e6a8p-3);
    p = fused(p, z, 0x1.2492492e03f8ep-2);
    p = fused(p, z, 0x1.9999999995223p-2);
    p = fused(p, z, 0x1.5555555555558p-1);
    const double tail = fused(s * z, p, 2.0 * s);
    return fused(exponent, 0x1.62e42fefa39efp-1, tail);
}
