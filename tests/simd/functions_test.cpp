#include "tests/simd/support.hpp"

using namespace narrows;
using namespace narrows::test;
using simd::Activation;

namespace {

double exact(Activation kind, double x, double alpha) {
    switch (kind) {
        case Activation::linear:
            return x;
        case Activation::relu:
            return x <= 0 ? 0 : x;
        case Activation::leaky_relu:
            return x <= 0 ? alpha * x : x;
        case Activation::elu:
            return x <= 0 ? alpha * std::expm1(x) : x;
        case Activation::selu:
            return 1.0507009873554805 * (x <= 0 ? 1.6732632423543772 * std::expm1(x) : x);
        case Activation::gelu:
            return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
        case Activation::sigmoid:
            return 1 / (1 + std::exp(-x));
        case Activation::tanh:
            return std::tanh(x);
        case Activation::softplus:
            return x > 30 ? x + std::exp(-x) : std::log1p(std::exp(x));
    }
    return 0;
}

double exact_slope(Activation kind, double x, double alpha) {
    switch (kind) {
        case Activation::linear:
            return 1;
        case Activation::relu:
            return x <= 0 ? 0 : 1;
        case Activation::leaky_relu:
            return x <= 0 ? alpha : 1;
        case Activation::elu:
            return x <= 0 ? alpha * std::exp(x) : 1;
        case Activation::selu:
            return 1.0507009873554805 * (x <= 0 ? 1.6732632423543772 * std::exp(x) : 1);
        case Activation::gelu:
            return 0.5 * std::erfc(-x / std::sqrt(2.0)) +
                   x * std::exp(-0.5 * x * x) * 0.39894228040143268;
        case Activation::sigmoid: {
            const double s = 1 / (1 + std::exp(-x));
            return s * (1 - s);
        }
        case Activation::tanh:
            return 1 - std::tanh(x) * std::tanh(x);
        case Activation::softplus:
            return 1 / (1 + std::exp(-x));
    }
    return 0;
}

const std::vector<float>& many_arguments() {
    static const std::vector<float> all = [] {
        std::vector<float> x = difficult();
        Numbers numbers(11);
        for (int i = 0; i < 20000; ++i) x.push_back(numbers.between(-12, 12));
        for (int i = 0; i < 4000; ++i) x.push_back(numbers.between(-110, 110));
        for (int i = 0; i < 8000; ++i) {  // all sizes, both signs
            const double size =
                std::ldexp(1 + numbers.unit(), static_cast<int>(numbers.unit() * 276) - 149);
            x.push_back(static_cast<float>(numbers.unit() < 0.5 ? size : -size));
        }
        return x;
    }();
    return all;
}

}  // namespace

TEST_CASE("exp and log stay within two units in the last place", "[functions]") {
    const auto& x = many_arguments();
    each_level([&](const Kernels& kernels) {
        std::vector<float> e(x.size()), l(x.size());
        kernels.exponential(x.data(), e.data(), x.size());
        kernels.logarithm(x.data(), l.data(), x.size());
        double worst_exp = 0, worst_log = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            worst_exp = std::max(worst_exp, ulps(e[i], std::exp(static_cast<double>(x[i]))));
            worst_log = std::max(worst_log, ulps(l[i], std::log(static_cast<double>(x[i]))));
        }
        INFO("exp " << worst_exp << " log " << worst_log);
        CHECK(worst_exp < 1.5);
        CHECK(worst_log < 1.5);
    });
}

TEST_CASE("exp and log have their limits", "[functions]") {
    constexpr float inf = std::numeric_limits<float>::infinity();
    const std::vector<float> x{inf,  -inf, 0.0f,      -0.0f,  -1.0f,
                               1.0f, NAN,  0x1p-149f, 200.0f, -200.0f};
    each_level([&](const Kernels& kernels) {
        std::vector<float> e(x.size()), l(x.size());
        kernels.exponential(x.data(), e.data(), x.size());
        kernels.logarithm(x.data(), l.data(), x.size());
        CHECK(same_bits(
            e, {inf, 0.0f, 1.0f, 1.0f, std::exp(-1.0f), std::exp(1.0f), NAN, 1.0f, inf, 0.0f}));
        CHECK(same_bits(
            l, {inf, NAN, -inf, -inf, NAN, 0.0f, NAN, std::log(0x1p-149f), std::log(200.0f), NAN}));
    });
}

TEST_CASE("activations agree with double precision", "[functions]") {
    const auto kind = static_cast<Activation>(GENERATE(range(0, 9)));
    const float alpha = 0.7f;
    INFO("activation " << static_cast<int>(kind));
    each_level([&](const Kernels& kernels) {
        const auto& x = many_arguments();
        std::vector<float> y(x.size());
        kernels.activate(kind, alpha, x.data(), y.data(), x.size());
        double worst = 0;
        float at = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            if (std::isinf(x[i])) continue;
            if (std::isnan(x[i])) {
                CHECK(std::isnan(y[i]));
                continue;
            }
            const double right = exact(kind, static_cast<double>(x[i]), static_cast<double>(alpha));
            if (right > static_cast<double>(std::numeric_limits<float>::max())) {
                CHECK(std::isinf(y[i]));
                continue;
            }
            // e^-87 (1.6e-38) and below end there or at 0: far under anything that is added to them
            const double error =
                std::abs(static_cast<double>(y[i]) - right) / std::max(std::abs(right), 1e-31);
            if (error > worst) worst = error, at = x[i];
        }
        INFO("worst " << worst << " at " << at);
        CHECK(worst < 6e-7);
    });
}

TEST_CASE("activations have the right limits at infinity", "[functions]") {
    constexpr float inf = std::numeric_limits<float>::infinity();
    const float x[2] = {-inf, inf};
    const float limits[9][2] = {
        {-inf, inf}, {0, inf}, {-inf, inf}, {-0.5f, inf}, {-1.7580993f, inf},
        {0, inf},    {0, 1},   {-1, 1},     {0, inf}};
    each_level([&](const Kernels& kernels) {
        for (int kind = 0; kind < 9; ++kind) {
            float y[2];
            kernels.activate(static_cast<Activation>(kind), 0.5f, x, y, 2);
            INFO("activation " << kind);
            CHECK(y[0] == Approx(limits[kind][0]).margin(1e-30));
            CHECK(y[1] == limits[kind][1]);
        }
    });
}

TEST_CASE("derivatives of activations agree with double precision", "[functions]") {
    const auto kind = static_cast<Activation>(GENERATE(range(0, 9)));
    const float alpha = 0.7f;
    INFO("activation " << static_cast<int>(kind));
    Numbers numbers(12);
    auto x = numbers.vector(4001, -9, 9), dy = numbers.vector(4001, -3, 3);
    each_level([&](const Kernels& kernels) {
        std::vector<float> y(x.size()), dz(x.size());
        kernels.activate(kind, alpha, x.data(), y.data(), x.size());
        const bool input = simd::derivative_needs_input(kind);
        kernels.activation_gradient(kind, alpha, input ? x.data() : y.data(), dy.data(), dz.data(),
                                    x.size());
        double worst = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const double right =
                static_cast<double>(dy[i]) *
                exact_slope(kind, static_cast<double>(x[i]), static_cast<double>(alpha));
            // A saturated y holds its slope only to an ulp or two of 1, times dy.
            const double room =
                std::abs(right) + std::max(1.0, std::abs(static_cast<double>(dy[i])));
            worst = std::max(worst, std::abs(static_cast<double>(dz[i]) - right) / room);
        }
        CHECK(worst < 4e-7);
    });
}

TEST_CASE("elementwise functions have the same bits at every level and length", "[functions]") {
    auto x = many_arguments();
    Numbers numbers(13);
    const auto dy = numbers.vector(x.size(), -2, 2);
    const auto compare = [&](auto work) {
        each_level([&](const Kernels& kernels) {
            for (const std::size_t n : lengths()) {
                const std::size_t from = n % 7;
                std::vector<float> expected(n + 1, 7.0f), got(n + 1, 7.0f);
                work(portable(), from, expected.data(), n);
                work(kernels, from, got.data(), n);
                INFO("length " << n);
                REQUIRE(same_bits(got, expected));
                REQUIRE(got[n] == 7.0f);
            }
            std::vector<float> expected(x.size()), got(x.size());
            work(portable(), 0, expected.data(), x.size());
            work(kernels, 0, got.data(), x.size());
            REQUIRE(same_bits(got, expected));
        });
    };
    SECTION("exp") {
        compare([&](const Kernels& k, std::size_t at, float* y, std::size_t n) {
            k.exponential(&x[at], y, n);
        });
    }
    SECTION("log") {
        compare([&](const Kernels& k, std::size_t at, float* y, std::size_t n) {
            k.logarithm(&x[at], y, n);
        });
    }
    SECTION("activations") {
        const auto kind = static_cast<Activation>(GENERATE(range(0, 9)));
        compare([&](const Kernels& k, std::size_t at, float* y, std::size_t n) {
            k.activate(kind, 0.3f, &x[at], y, n);
        });
        compare([&](const Kernels& k, std::size_t at, float* y, std::size_t n) {
            k.activation_gradient(kind, 0.3f, &x[at], &dy[at], y, n);
        });
    }
    SECTION("arithmetic") {
        compare([&](const Kernels& k, std::size_t at, float* y, std::size_t n) {
            for (std::size_t i = 0; i < n; ++i) y[i] = dy[i];
            k.add(&x[at], y, n);
            k.multiply(&dy[at], y, n);
            k.scale(1.7f, y, n);
            k.scale_shift(y, 0.3f, -0.1f, y, n);
            k.affine(y, &dy[at], &dy[at / 2], n, 1, y);
        });
    }
}

TEST_CASE("small passes do what they say", "[elementwise]") {
    Numbers numbers(14);
    for (const std::size_t n : lengths())
        each_level([&](const Kernels& k) {
            const auto x = numbers.vector(n), start = numbers.vector(n);
            std::vector<float> sums = start, products = start, scaled = start, shifted(n), u8(n);
            k.add(x.data(), sums.data(), n);
            k.multiply(x.data(), products.data(), n);
            k.scale(0.3f, scaled.data(), n);
            k.scale_shift(x.data(), 3.1f, 0.2f, shifted.data(), n);
            std::vector<std::uint8_t> bytes(n);
            for (auto& b : bytes) b = static_cast<std::uint8_t>(numbers.unit() * 256);
            k.from_u8(bytes.data(), 1.0f / 255, u8.data(), n);

            for (std::size_t i = 0; i < n; ++i) {
                REQUIRE(sums[i] == start[i] + x[i]);
                REQUIRE(products[i] == start[i] * x[i]);
                REQUIRE(scaled[i] == start[i] * 0.3f);
                REQUIRE(shifted[i] == std::fma(x[i], 3.1f, 0.2f));
                REQUIRE(u8[i] == static_cast<float>(bytes[i]) * (1.0f / 255));
            }
        });
}

TEST_CASE("affine takes a pair per feature or one for all", "[elementwise]") {
    Numbers numbers(15);
    for (const std::size_t features : {1, 2, 15, 16, 17, 33})
        each_level([&](const Kernels& k) {
            const std::size_t rows = 7;
            const auto x = numbers.vector(rows * features), shift = numbers.vector(features),
                       factor = numbers.vector(features);
            std::vector<float> y(x.size() + 1, 5.0f);
            k.affine(x.data(), shift.data(), factor.data(), features, rows, y.data());
            for (std::size_t i = 0; i < x.size(); ++i)
                REQUIRE(y[i] == (x[i] - shift[i % features]) * factor[i % features]);
            REQUIRE(y.back() == 5.0f);
        });
}
