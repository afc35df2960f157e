#include <algorithm>

#include "tests/simd/support.hpp"

using namespace narrows;
using namespace narrows::test;

namespace {

struct Bytes {
    std::vector<std::uint8_t> a;
    std::vector<std::int8_t> b, panels;
};

Bytes some(std::size_t m, std::size_t k, std::size_t n, std::uint64_t seed, bool extreme = false) {
    Numbers numbers(seed);
    Bytes out;
    for (std::size_t i = 0; i < m * k; ++i)
        out.a.push_back(extreme ? 255 : static_cast<std::uint8_t>(numbers.unit() * 256));
    for (std::size_t i = 0; i < k * n; ++i)
        out.b.push_back(extreme ? (i % 3 == 0 ? -127 : 127)
                                : static_cast<std::int8_t>(numbers.unit() * 255 - 127));
    out.panels.resize(simd::int8_panels_size(k, n));
    simd::pack_int8(out.b.data(), k, n, out.panels.data());
    return out;
}

// The plain loop, in 64 bits.
std::vector<std::int64_t> sums_of(const Bytes& x, std::size_t m, std::size_t k, std::size_t n) {
    std::vector<std::int64_t> out(m * n, 0);
    for (std::size_t i = 0; i < m; ++i)
        for (std::size_t l = 0; l < k; ++l)
            for (std::size_t j = 0; j < n; ++j)
                out[i * n + j] += std::int64_t{x.a[i * k + l]} * x.b[l * n + j];
    return out;
}

std::vector<float> padded(std::vector<float> values) {
    values.resize((values.size() + 31) / 32 * 32, 0.0f);
    return values;
}

simd::Int8Product product_of(const Bytes& x, std::size_t m, std::size_t k, std::size_t n,
                             const std::vector<float>& scale, const std::vector<float>& bias) {
    simd::Int8Product p;
    p.a = x.a.data();
    p.a_stride = p.depth = k;
    p.rows = m;
    p.panels = x.panels.data();
    p.columns = p.c_stride = n;
    p.scale = scale.data();
    p.bias = bias.data();
    return p;
}

// Every table, also those that a better CPU leaves unused.
void each_table(const std::function<void(const Kernels&)>& work) {
    for (const Kernels* table : simd::all_tables()) {
        INFO("level " << std::string(table->name));
        work(*table);
    }
}

}  // namespace

TEST_CASE("sums of bytes are exact for odd rows, widths and depths", "[int8]") {
    for (const std::size_t k : {1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 784})
        for (const std::size_t n : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 100})
            for (const std::size_t m : {0, 1, 2, 3, 8, 9, 12, 13, 25}) {
                if (k == 784 && (m > 2 || n > 33)) continue;
                const Bytes x = some(m, k, n, k * 1000 + n);
                const auto exact = sums_of(x, m, k, n);
                const auto ones = padded(std::vector<float>(n, 1.0f)),
                           none = padded(std::vector<float>(n));

                each_table([&](const Kernels& kernels) {
                    std::vector<float> c(m * n + 1, untouched);
                    auto p = product_of(x, m, k, n, ones, none);
                    p.c = c.data();
                    kernels.int8_product(p);

                    INFO("rows " << m << " depth " << k << " columns " << n);
                    for (std::size_t i = 0; i < m * n; ++i)
                        REQUIRE(c[i] == static_cast<float>(exact[i]));
                    REQUIRE(c[m * n] == untouched);
                });
            }
}

TEST_CASE("the largest bytes do not saturate", "[int8]") {
    const std::size_t m = 3, k = 513, n = 33;
    const Bytes x = some(m, k, n, 1, true);
    const auto exact = sums_of(x, m, k, n);
    const auto ones = padded(std::vector<float>(n, 1.0f)), none = padded(std::vector<float>(n));

    each_table([&](const Kernels& kernels) {
        std::vector<float> c(m * n);
        auto p = product_of(x, m, k, n, ones, none);
        p.c = c.data();
        kernels.int8_product(p);

        for (std::size_t i = 0; i < m * n; ++i) REQUIRE(c[i] == static_cast<float>(exact[i]));
    });
}

TEST_CASE("the deepest product that is allowed does not overflow", "[int8]") {
    const std::size_t k = simd::int8_most_depth;
    const std::vector<std::uint8_t> a(k, 255);
    const std::vector<std::int8_t> b(k, 127);
    Bytes x{a, b, std::vector<std::int8_t>(simd::int8_panels_size(k, 1))};
    simd::pack_int8(x.b.data(), k, 1, x.panels.data());
    const std::vector<float> one(32, 1.0f), zero(32);

    each_table([&](const Kernels& kernels) {
        float c = 0;
        auto p = product_of(x, 1, k, 1, one, zero);
        p.c = &c;
        kernels.int8_product(p);
        CHECK(c == static_cast<float>(std::int64_t{255} * 127 * static_cast<std::int64_t>(k)));
    });
}

TEST_CASE("the epilogue is one fused step, the activation and the nearest byte", "[int8]") {
    const std::size_t m = 14, k = 50, n = 75, stride = 80;
    const Bytes x = some(m, k, n, 7);
    const auto exact = sums_of(x, m, k, n);
    Numbers numbers(8);
    const auto scale = padded(numbers.vector(n, 1e-5, 4e-4)),
               bias = padded(numbers.vector(n, -2, 2));
    const auto factor = padded(numbers.vector(n, 20, 60)),
               offset = padded(numbers.vector(n, -20, 90));
    const int kind = GENERATE(range(0, 9));
    const auto activation = static_cast<simd::Activation>(kind);
    std::vector<float> values(m * n);
    std::vector<std::uint8_t> bytes(m * n);
    for (std::size_t i = 0; i < m * n; ++i)
        values[i] = std::fma(static_cast<float>(exact[i]), scale[i % n], bias[i % n]);
    portable().activate(activation, 0.3f, values.data(), values.data(), m * n);
    for (std::size_t i = 0; i < m * n; ++i) {
        const float v = std::fma(values[i], factor[i % n], offset[i % n]);
        bytes[i] = static_cast<std::uint8_t>(std::nearbyint(std::clamp(v, 0.0f, 255.0f)));
    }

    each_table([&](const Kernels& kernels) {
        std::vector<float> c(m * stride, untouched);
        std::vector<std::uint8_t> q(m * stride, 77);
        auto p = product_of(x, m, k, n, scale, bias);
        p.activation = activation;
        p.alpha = 0.3f;
        p.c_stride = stride;
        p.c = c.data();
        kernels.int8_product(p);
        p.c = nullptr;
        p.bytes = q.data();
        p.factor = factor.data();
        p.offset = offset.data();
        kernels.int8_product(p);

        for (std::size_t i = 0; i < m; ++i)
            for (std::size_t j = 0; j < stride; ++j) {
                REQUIRE(same_bits(c[i * stride + j], j < n ? values[i * n + j] : untouched));
                REQUIRE(q[i * stride + j] == (j < n ? bytes[i * n + j] : 77));
            }
    });
}

TEST_CASE("values become the nearest byte, halves the even one", "[int8]") {
    constexpr float inf = std::numeric_limits<float>::infinity();
    for (const std::size_t n : lengths()) {
        const std::size_t rows = 3;
        Numbers numbers(n);
        auto x = numbers.vector(n * rows, -1, 2);
        for (std::size_t i = 0; i < x.size(); i += 5) x[i] = static_cast<float>(i % 9) / 200.0f;
        if (x.size() > 9) x[3] = NAN, x[6] = inf, x[9] = -inf;
        const auto factor = std::vector<float>(n, 100.0f), offset = numbers.vector(n, 0, 0.001);
        std::vector<std::uint8_t> expected;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const float v = std::fma(x[i], factor[i % n], offset[i % n]);
            expected.push_back(static_cast<std::uint8_t>(
                v == v ? std::nearbyint(std::clamp(v, 0.0f, 255.0f)) : 0.0f));
        }

        each_table([&](const Kernels& kernels) {
            std::vector<std::uint8_t> y(x.size() + 1, 77);
            kernels.quantise(x.data(), factor.data(), offset.data(), n, rows, y.data());
            INFO("length " << n);
            REQUIRE(y.back() == 77);
            y.pop_back();
            REQUIRE(y == expected);
        });
    }
}
