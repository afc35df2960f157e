#include "tests/simd/support.hpp"

using namespace narrows;
using namespace narrows::test;

namespace {

using Loss =
    std::function<double(const Kernels&, const float*, const float*, float, float*, std::size_t)>;

struct Case {
    const char* name;
    Loss run;
    std::function<double(double, double)> value, slope;
    double low, high;  // of predictions
};

const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"squared error",
         [](const Kernels& k, const float* p, const float* t, float s, float* g, std::size_t n) {
             return k.squared_error(p, t, s, g, n);
         },
         [](double p, double t) { return (p - t) * (p - t); },
         [](double p, double t) { return 2 * (p - t); }, -3, 3},
        {"cross entropy of logits",
         [](const Kernels& k, const float* p, const float* t, float s, float* g, std::size_t n) {
             return k.bce_logits(p, t, s, g, n);
         },
         [](double z, double t) {
             return std::max(z, 0.0) - z * t + std::log1p(std::exp(-std::abs(z)));
         },
         [](double z, double t) { return 1 / (1 + std::exp(-z)) - t; }, -20, 20},
        {"cross entropy",
         [](const Kernels& k, const float* p, const float* t, float s, float* g, std::size_t n) {
             return k.bce(p, t, s, g, n);
         },
         [](double p, double t) { return -(t * std::log(p) + (1 - t) * std::log(1 - p)); },
         [](double p, double t) { return (p - t) / (p * (1 - p)); }, 0.001, 0.999},
        {"huber",
         [](const Kernels& k, const float* p, const float* t, float s, float* g, std::size_t n) {
             return k.huber(p, t, 0.8f, s, g, n);
         },
         [](double p, double t) {
             const double d = std::abs(p - t), limit = static_cast<double>(0.8f);
             return d <= limit ? 0.5 * d * d : limit * (d - 0.5 * limit);
         },
         [](double p, double t) {
             return std::clamp(p - t, -static_cast<double>(0.8f), static_cast<double>(0.8f));
         },
         -3, 3}};
    return all;
}

}  // namespace

TEST_CASE("losses and their gradients agree with double precision", "[loss]") {
    Numbers numbers(21);
    for (const Case& c : cases())
        for (const std::size_t n : lengths()) {
            const auto p = numbers.vector(n, c.low, c.high), t = numbers.vector(n, 0, 1);
            double expected = 0;
            for (std::size_t i = 0; i < n; ++i)
                expected += c.value(static_cast<double>(p[i]), static_cast<double>(t[i]));

            each_level([&](const Kernels& k) {
                INFO(c.name << ", length " << n);
                std::vector<float> g(n + 1, 9.0f), g0(n + 1, 9.0f);
                const double loss = c.run(k, p.data(), t.data(), 0.25f, g.data(), n);
                REQUIRE(std::abs(loss - expected) <= 1e-6 * expected);
                REQUIRE(same_bits(c.run(k, p.data(), t.data(), 0.25f, nullptr, n), loss));
                for (std::size_t i = 0; i < n; ++i) {
                    const double slope =
                        0.25 * c.slope(static_cast<double>(p[i]), static_cast<double>(t[i]));
                    REQUIRE(std::abs(static_cast<double>(g[i]) - slope) <=
                            3e-7 * (std::abs(slope) + 0.25));
                }
                REQUIRE(g[n] == 9.0f);
                const double other = c.run(portable(), p.data(), t.data(), 0.25f, g0.data(), n);
                REQUIRE(same_bits(loss, other));
                REQUIRE(same_bits(g, g0));
            });
        }
}

TEST_CASE("cross entropy of logits is exact for long rows and confident answers", "[loss]") {
    Numbers numbers(22);
    for (const double size : {0.01, 1.0, 15.0, 30.0, 80.0})
        for (const std::size_t n : {1000, 8192, 8193, 50001}) {
            const auto noise = numbers.vector(n, 0.9, 1.1);
            std::vector<float> z(n), t(n);
            double expected = 0;
            for (std::size_t i = 0; i < n; ++i) {
                t[i] = static_cast<float>(i % 3 == 0);
                z[i] =
                    static_cast<float>((i % 3 == 0 ? size : -size) * static_cast<double>(noise[i]));
                expected += std::log1p(std::exp(-std::abs(static_cast<double>(z[i]))));
            }
            each_level([&](const Kernels& k) {
                const double loss = k.bce_logits(z.data(), t.data(), 1, nullptr, n);
                INFO("size " << size << " n " << n);
                // 1 + e in double keeps 2^-53 of each factor
                REQUIRE(std::abs(loss - expected) <= 1e-6 * expected + 16.0 * 0x1p-52);
            });
        }
}

TEST_CASE("losses say NaN when a prediction is one", "[loss]") {
    Numbers numbers(23);
    for (const Case& c : cases())
        for (const std::size_t at : {0, 5, 17, 32})
            each_level([&](const Kernels& k) {
                auto p = numbers.vector(33, 0.1, 0.9);
                const auto t = numbers.vector(33, 0, 1);
                std::vector<float> g(33);
                p[at] = NAN;
                INFO(c.name << " at " << at);
                REQUIRE(std::isnan(c.run(k, p.data(), t.data(), 1, g.data(), 33)));
                REQUIRE(std::isnan(g[at]));
                REQUIRE_FALSE(std::isnan(g[(at + 1) % 33]));
            });
}

TEST_CASE("cross entropy of probabilities 0 and 1 is finite", "[loss]") {
    const float p[4] = {0, 1, 0, 1}, t[4] = {0, 1, 1, 0};
    each_level([&](const Kernels& k) {
        float g[4];
        const double loss = k.bce(p, t, 1, g, 4);
        CHECK(loss > 30);
        CHECK(loss < 34);
        for (float slope : g) CHECK(std::isfinite(slope));
    });
}

TEST_CASE("reductions use sixteen lanes and a fixed tree", "[reduction]") {
    Numbers numbers(24);
    for (const std::size_t n : lengths()) {
        const auto x = numbers.vector(n, -1000, 1000), y = numbers.vector(n, -1000, 1000);
        double s[16] = {}, q[16] = {}, d[16] = {};
        for (std::size_t i = 0; i < n; ++i) {
            const double a = static_cast<double>(x[i]);
            const double b = static_cast<double>(x[i] - y[i]);
            s[i % 16] += a;
            q[i % 16] = std::fma(a, a, q[i % 16]);
            d[i % 16] = std::fma(b, b, d[i % 16]);
        }
        for (std::size_t half = 8; half > 0; half /= 2)
            for (std::size_t i = 0; i < half; ++i)
                s[i] += s[i + half], q[i] += q[i + half], d[i] += d[i + half];

        each_level([&](const Kernels& k) {
            INFO("length " << n);
            REQUIRE(same_bits(k.sum(x.data(), n), s[0]));
            REQUIRE(same_bits(k.sum_squares(x.data(), n), q[0]));
            REQUIRE(same_bits(k.squared_distance(x.data(), y.data(), n), d[0]));
        });
    }
}

TEST_CASE("one value that is not finite is found wherever it stands", "[reduction]") {
    Numbers numbers(25);
    for (const std::size_t n : lengths()) {
        auto x = numbers.vector(n, -1e30, 1e30);
        each_level([&](const Kernels& k) { REQUIRE(k.all_finite(x.data(), n)); });
        for (std::size_t at = 0; at < n; at += 1 + n / 7)
            for (const float bad : {NAN, INFINITY, -INFINITY}) {
                const float good = x[at];
                x[at] = bad;
                each_level([&](const Kernels& k) { REQUIRE_FALSE(k.all_finite(x.data(), n)); });
                x[at] = good;
            }
    }
}

TEST_CASE("adam follows the paper in double precision", "[optimiser]") {
    Numbers numbers(26);
    simd::AdamStep step{
        .rate = 0.01f, .decay = 0.02f, .decoupled_decay = 0.05f, .gradient_scale = 0.5f};
    for (const std::size_t n : lengths()) {
        const auto w0 = numbers.vector(n);
        std::vector<std::vector<float>> gradients;
        for (int t = 0; t < 5; ++t) gradients.push_back(numbers.vector(n));
        std::vector<double> w(w0.begin(), w0.end()), m(n), v(n);
        std::vector<float> first;

        each_level([&](const Kernels& k) {
            std::vector<float> wf = w0, mf(n), vf(n);
            const bool reference = first.empty() && k.level == Level::portable;
            for (int t = 1; t <= 5; ++t) {
                step.correction1 = static_cast<float>(1 / (1 - std::pow(0.9, t)));
                step.correction2 = static_cast<float>(1 / (1 - std::pow(0.999, t)));
                const auto& g = gradients[static_cast<std::size_t>(t - 1)];
                k.adam(step, wf.data(), g.data(), mf.data(), vf.data(), n);
                if (!reference) continue;
                for (std::size_t i = 0; i < n; ++i) {
                    const double slope = 0.5 * static_cast<double>(g[i]) + 0.02 * w[i];
                    m[i] = 0.9 * m[i] + 0.1 * slope;
                    v[i] = 0.999 * v[i] + 0.001 * slope * slope;
                    const double mean = m[i] / (1 - std::pow(0.9, t)),
                                 size = v[i] / (1 - std::pow(0.999, t));
                    w[i] -= 0.01 * (mean / (std::sqrt(size) + 1e-8) + 0.05 * w[i]);
                }
            }
            if (reference) first = wf;
            INFO("length " << n);
            for (std::size_t i = 0; i < n; ++i)
                REQUIRE(static_cast<double>(wf[i]) == Approx(w[i]).margin(3e-6));
            REQUIRE(same_bits(wf, first));
        });
    }
}

TEST_CASE("moments without gradients are never denormal numbers", "[optimiser]") {
    simd::AdamStep step;
    each_level([&](const Kernels& k) {
        std::vector<float> w(40, 1.0f), none(40), m(40, 1e-30f), v(40, 1e-33f);
        for (int t = 0; t < 12000; ++t) {
            k.adam(step, w.data(), none.data(), m.data(), v.data(), w.size());
            for (const float moment : {m[0], m[39], v[0], v[39]})
                REQUIRE((moment == 0 || moment >= 0x1p-126f));
        }
        CHECK(w == std::vector<float>(40, 1.0f));
        CHECK(m[5] < 1e-32f);
        CHECK(v[5] < 1e-34f);
        // One that counts is not rounded away.
        m.assign(40, 1e-12f), v.assign(40, 1e-16f);
        k.adam(step, w.data(), none.data(), m.data(), v.data(), w.size());
        CHECK(static_cast<double>(m[3]) == Approx(9e-13).epsilon(1e-6));
        CHECK(static_cast<double>(v[3]) == Approx(9.99e-17).epsilon(1e-6));
    });
}

TEST_CASE("momentum, nesterov and plain descent follow their formulas", "[optimiser]") {
    Numbers numbers(27);
    for (const bool nesterov : {false, true})
        for (const bool stateful : {false, true})
            for (const std::size_t n : lengths()) {
                const simd::MomentumStep step{.rate = 0.1f,
                                              .momentum = stateful ? 0.9f : 0.0f,
                                              .decay = 0.01f,
                                              .gradient_scale = 2.0f,
                                              .nesterov = nesterov};
                const auto w0 = numbers.vector(n), g = numbers.vector(n), m0 = numbers.vector(n);
                each_level([&](const Kernels& k) {
                    auto w = w0, m = m0;
                    k.momentum(step, w.data(), g.data(), stateful ? m.data() : nullptr, n);
                    for (std::size_t i = 0; i < n; ++i) {
                        float slope = std::fma(0.01f, w0[i], g[i] * 2.0f);
                        if (stateful) {
                            const float speed = std::fma(0.9f, m0[i], slope);
                            REQUIRE(m[i] == speed);
                            slope = nesterov ? std::fma(0.9f, speed, slope) : speed;
                        }
                        REQUIRE(w[i] == std::fma(-0.1f, slope, w0[i]));
                    }
                });
            }
}

TEST_CASE("weighted losses agree with double precision, and weights of 1 change no gradient",
          "[loss]") {
    using Weighted = std::function<double(const Kernels&, const float*, const float*, const float*,
                                          float, float*, std::size_t)>;
    const std::vector<Weighted> weighted{
        [](const Kernels& k, auto p, auto t, auto w, float s, float* g, std::size_t n) {
            return k.weighted_squared_error(p, t, w, s, g, n);
        },
        [](const Kernels& k, auto p, auto t, auto w, float s, float* g, std::size_t n) {
            return k.weighted_bce_logits(p, t, w, s, g, n);
        },
        [](const Kernels& k, auto p, auto t, auto w, float s, float* g, std::size_t n) {
            return k.weighted_bce(p, t, w, s, g, n);
        },
        [](const Kernels& k, auto p, auto t, auto w, float s, float* g, std::size_t n) {
            return k.weighted_huber(p, t, w, 0.8f, s, g, n);
        }};
    REQUIRE(weighted.size() == cases().size());
    Numbers numbers(23);
    for (std::size_t which = 0; which < weighted.size(); ++which)
        for (const std::size_t n : lengths()) {
            const Case& c = cases()[which];
            const auto p = numbers.vector(n, c.low, c.high), t = numbers.vector(n, 0, 1);
            auto w = numbers.vector(n, 0, 2);
            for (std::size_t i = 0; i < n; i += 3) w[i] = 0;
            const std::vector<float> ones(n, 1.0f);
            const auto at = [](const std::vector<float>& v, std::size_t i) {
                return static_cast<double>(v[i]);
            };
            double expected = 0;
            for (std::size_t i = 0; i < n; ++i) expected += at(w, i) * c.value(at(p, i), at(t, i));

            each_level([&](const Kernels& k) {
                INFO(c.name << ", length " << n);
                std::vector<float> g(n + 1, 9.0f), g0(n + 1, 9.0f), plain(n + 1, 9.0f);
                const double loss =
                    weighted[which](k, p.data(), t.data(), w.data(), 0.25f, g.data(), n);
                REQUIRE(std::abs(loss - expected) <= 1e-6 * expected);
                for (std::size_t i = 0; i < n; ++i) {
                    const double slope = 0.25 * at(w, i) * c.slope(at(p, i), at(t, i));
                    REQUIRE(std::abs(at(g, i) - slope) <= 4e-7 * (std::abs(slope) + 0.5));
                    if (w[i] == 0) REQUIRE(g[i] == 0);
                }
                REQUIRE(g[n] == 9.0f);
                const double other =
                    weighted[which](portable(), p.data(), t.data(), w.data(), 0.25f, g0.data(), n);
                REQUIRE(same_bits(loss, other));
                REQUIRE(same_bits(g, g0));
                weighted[which](k, p.data(), t.data(), ones.data(), 0.25f, g.data(), n);
                c.run(k, p.data(), t.data(), 0.25f, plain.data(), n);
                REQUIRE(same_bits(g, plain));
            });
        }
}
