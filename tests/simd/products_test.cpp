#include "tests/simd/support.hpp"

using namespace narrows;
using namespace narrows::test;

namespace {

// The promise itself: one chain of std::fma in increasing k, then the bias, then the activation.
std::vector<float> chains(const std::vector<float>& a, const std::vector<float>& b,
                          const std::vector<float>& bias, std::size_t m, std::size_t k,
                          std::size_t n) {
    std::vector<float> c(m * n);
    for (std::size_t i = 0; i < m; ++i)
        for (std::size_t j = 0; j < n; ++j) {
            float sum = 0;
            for (std::size_t l = 0; l < k; ++l) sum = std::fma(a[i * k + l], b[l * n + j], sum);
            if (!bias.empty()) sum += bias[j];
            c[i * n + j] = sum;
        }
    return c;
}

}  // namespace

TEST_CASE("a product has the bits of a scalar chain for every number of rows", "[product]") {
    Numbers numbers(1);
    const std::size_t k = 67, n = 75;
    const auto b = numbers.vector(k * n), bias = numbers.vector(n), panels = packed(b, k, n);
    for (std::size_t m = 1; m <= 41; ++m) {
        const auto a = numbers.vector(m * k);
        const auto expected = chains(a, b, bias, m, k, n);

        each_level([&](const Kernels& kernels) {
            std::vector<float> c(m * n, untouched);
            kernels.product({.a = a.data(),
                             .a_stride = k,
                             .rows = m,
                             .depth = k,
                             .panels = panels.data(),
                             .columns = n,
                             .last_panel = simd::panel_count(n),
                             .c = c.data(),
                             .c_stride = n,
                             .bias = bias.data()});

            INFO("rows " << m);
            REQUIRE(same_bits(c, expected));
        });
    }
}

TEST_CASE("a product has the bits of a scalar chain for odd widths and depths", "[product]") {
    Numbers numbers(2);
    for (const std::size_t k : {0, 1, 2, 31, 511, 512, 513, 1025})
        for (const std::size_t n :
             {1, 7, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 128, 160, 257}) {
            const std::size_t m = k < 100 ? 11 : 5;
            const auto a = numbers.vector(m * k), b = numbers.vector(k * n);
            const auto panels = packed(b, k, n);
            const auto expected = chains(a, b, {}, m, k, n);

            each_level([&](const Kernels& kernels) {
                std::vector<float> c(m * n, untouched);
                kernels.product({.a = a.data(),
                                 .a_stride = k,
                                 .rows = m,
                                 .depth = k,
                                 .panels = panels.data(),
                                 .columns = n,
                                 .last_panel = simd::panel_count(n),
                                 .c = c.data(),
                                 .c_stride = n});

                INFO("k " << k << " n " << n);
                REQUIRE(same_bits(c, expected));
            });
        }
}

TEST_CASE("a product with the transpose has the bits of a scalar chain", "[product]") {
    Numbers numbers(7);
    for (const std::size_t k : {0, 1, 31, 32, 33, 127, 128, 129, 300})
        for (const std::size_t n : {1, 8, 31, 32, 33, 64, 100, 128, 129, 257})
            for (const std::size_t m : {1, 16, 23}) {
                const auto a = numbers.vector(m * k), b = numbers.vector(k * n);
                std::vector<float> turned(n * k);
                for (std::size_t i = 0; i < k; ++i)
                    for (std::size_t j = 0; j < n; ++j) turned[j * k + i] = b[i * n + j];
                const auto panels = packed(turned, n, k);
                const auto expected = chains(a, b, {}, m, k, n);

                each_level([&](const Kernels& kernels) {
                    std::vector<float> c(m * n, untouched);
                    simd::Product product{.a = a.data(),
                                          .a_stride = k,
                                          .rows = m,
                                          .depth = k,
                                          .panels = panels.data(),
                                          .columns = n,
                                          .last_panel = (simd::panel_count(n) + 1) / 2,
                                          .c = c.data(),
                                          .c_stride = n};
                    kernels.transposed_product(product);
                    product.first_panel = product.last_panel;
                    product.last_panel = simd::panel_count(n);
                    kernels.transposed_product(product);

                    INFO("rows " << m << " depth " << k << " columns " << n);
                    REQUIRE(same_bits(c, expected));
                });
            }
}

TEST_CASE("a product writes nothing but its panels' columns and its rows", "[product]") {
    Numbers numbers(3);
    const std::size_t m = 13, k = 600, n = 150, a_stride = 1024, c_stride = 163;
    const auto wide = numbers.vector(m * a_stride), b = numbers.vector(k * n);
    const auto bias = numbers.vector(n), panels = packed(b, k, n);
    std::vector<float> a(m * k);
    for (std::size_t i = 0; i < m; ++i)
        std::memcpy(&a[i * k], &wide[i * a_stride], k * sizeof(float));
    const auto expected = chains(a, b, bias, m, k, n);
    const std::size_t first = GENERATE(0u, 1u, 3u, 4u), last = GENERATE(1u, 2u, 4u, 5u);
    if (first >= last) return;

    each_level([&](const Kernels& kernels) {
        std::vector<float> c(m * c_stride, untouched), z(m * c_stride, untouched);
        kernels.product({.a = wide.data(),
                         .a_stride = a_stride,
                         .rows = m,
                         .depth = k,
                         .panels = panels.data(),
                         .columns = n,
                         .first_panel = first,
                         .last_panel = last,
                         .c = c.data(),
                         .c_stride = c_stride,
                         .bias = bias.data(),
                         .activation = simd::Activation::relu,
                         .before = z.data()});

        for (std::size_t i = 0; i < m; ++i)
            for (std::size_t j = 0; j < c_stride; ++j) {
                const bool ours = j >= 32 * first && j < std::min<std::size_t>(32 * last, n);
                const float exact = ours ? expected[i * n + j] : untouched;
                REQUIRE(same_bits(z[i * c_stride + j], exact));
                REQUIRE(same_bits(c[i * c_stride + j], ours ? std::max(exact, 0.0f) : exact));
            }
    });
}

TEST_CASE("a product's activation has the bits of the activation alone", "[product]") {
    Numbers numbers(4);
    const std::size_t m = 9, k = 40, n = 45;
    const auto a = numbers.vector(m * k), b = numbers.vector(k * n), bias = numbers.vector(n);
    const auto panels = packed(b, k, n);
    const int kind = GENERATE(range(0, 9));
    const auto activation = static_cast<simd::Activation>(kind);

    each_level([&](const Kernels& kernels) {
        auto expected = chains(a, b, bias, m, k, n);
        portable().activate(activation, 0.3f, expected.data(), expected.data(), m * n);
        std::vector<float> c(m * n);
        kernels.product({.a = a.data(),
                         .a_stride = k,
                         .rows = m,
                         .depth = k,
                         .panels = panels.data(),
                         .columns = n,
                         .last_panel = simd::panel_count(n),
                         .c = c.data(),
                         .c_stride = n,
                         .bias = bias.data(),
                         .activation = activation,
                         .alpha = 0.3f});

        REQUIRE(same_bits(c, expected));
    });
}

TEST_CASE("a product over stretches is one chain over them in order", "[product]") {
    Numbers numbers(11);
    const std::size_t height = 600, n = 75, a_stride = 40;
    const simd::Stretch stretches[] = {{30, 7, 5}, {-4, 560, 40}, {3, 0, 1}, {0, 9, 0}, {9, 7, 5}};
    const auto a = numbers.vector(30 * a_stride), b = numbers.vector(height * n);
    const auto bias = numbers.vector(n), panels = packed(b, height, n);
    for (const std::size_t m : {1, 2, 5, 7, 8, 23}) {
        std::vector<float> expected(m * n);
        const float* const first = a.data() + 4;
        for (std::size_t i = 0; i < m; ++i)
            for (std::size_t j = 0; j < n; ++j) {
                float sum = 0;
                for (const simd::Stretch& s : stretches)
                    for (std::size_t k = 0; k < s.depth; ++k)
                        sum = std::fma(first[i * a_stride + k + std::size_t(s.a)],
                                       b[(s.row + k) * n + j], sum);
                expected[i * n + j] = std::max(sum + bias[j], 0.0f);
            }
        each_level([&](const Kernels& kernels) {
            std::vector<float> c(m * n, untouched);
            simd::Product p;
            p.a = first;
            p.a_stride = a_stride;
            p.rows = m;
            p.depth = height;
            p.panels = panels.data();
            p.columns = p.c_stride = n;
            p.last_panel = simd::panel_count(n);
            p.c = c.data();
            p.bias = bias.data();
            p.activation = simd::Activation::relu;
            p.stretches = stretches;
            kernels.product(p);

            INFO("rows " << m);
            REQUIRE(same_bits(c, expected));
        });
    }
}

TEST_CASE("products leave out what a relu below did not pass", "[product]") {
    Numbers numbers(12);
    for (const std::size_t k : {3, 64, 520})
        for (const std::size_t n : {5, 16, 32, 75, 160}) {
            const std::size_t m = 13;
            const auto a = numbers.vector(m * k), b = numbers.vector(k * n);
            auto below = numbers.vector(m * n);
            for (std::size_t i = 0; i < below.size(); i += 3) below[i] = i % 2 == 0 ? 0.0f : -0.0f;
            std::vector<float> turned(n * k);
            for (std::size_t i = 0; i < k; ++i)
                for (std::size_t j = 0; j < n; ++j) turned[j * k + i] = b[i * n + j];
            const auto panels = packed(b, k, n), other = packed(turned, n, k);
            auto expected = chains(a, b, {}, m, k, n);
            for (std::size_t i = 0; i < expected.size(); ++i)
                if (below[i] <= 0) expected[i] = 0;
            const simd::Stretch all[] = {{0, 0, k}};
            each_level([&](const Kernels& kernels) {
                simd::Product p;
                p.a = a.data();
                p.a_stride = p.depth = k;
                p.rows = m;
                p.panels = panels.data();
                p.columns = p.c_stride = n;
                p.last_panel = simd::panel_count(n);
                p.relu_output = below.data();
                std::vector<float> plain(m * n, untouched), stretched = plain, back = plain;
                p.c = plain.data();
                kernels.product(p);
                p.c = stretched.data();
                p.stretches = all;
                kernels.product(p);
                p.c = back.data();
                p.panels = other.data();
                p.stretches = {};
                kernels.transposed_product(p);

                INFO("k " << k << " n " << n);
                REQUIRE(same_bits(plain, expected));
                REQUIRE(same_bits(stretched, expected));
                REQUIRE(same_bits(back, expected));
            });
        }
}

TEST_CASE("packing, its inverse and the transpose agree", "[pack]") {
    Numbers numbers(6);
    for (const std::size_t k : {1, 8, 31, 32, 45, 64})
        for (const std::size_t n : {1, 16, 32, 33, 96, 100}) {
            const auto b = numbers.vector(k * n);
            const auto panels = packed(b, k, n);
            std::vector<float> back(k * n), transposed(n * k), direct(simd::panels_size(n, k));
            simd::unpack(panels.data(), k, n, back.data());
            for (std::size_t i = 0; i < k; ++i)
                for (std::size_t j = 0; j < n; ++j) transposed[j * k + i] = b[i * n + j];
            simd::pack_transposed(b.data(), k, n, direct.data());

            REQUIRE(back == b);
            REQUIRE(direct == packed(transposed, n, k));
        }
}

TEST_CASE("tiles of eight rows make the whole transpose", "[pack]") {
    Numbers numbers(7);
    for (const std::size_t k : {1, 8, 31, 32, 45, 64})
        for (const std::size_t n : {1, 16, 32, 33, 96, 100}) {
            const auto b = numbers.vector(k * n);
            const auto panels = packed(b, k, n);
            std::vector<float> expected(simd::panels_size(n, k));
            simd::pack_transposed(b.data(), k, n, expected.data());

            for (const std::size_t step : {8, 5, 1})
                each_level([&](const Kernels& kernels) {
                    std::vector<float> out(expected.size(), 0.0f);
                    for (std::size_t p = 0; p < simd::panel_count(n); ++p)
                        for (std::size_t i = 0; i < k; i += step)
                            kernels.transpose_tile(&panels[(p * k + i) * 32], i,
                                                   std::min(step, k - i), p, k, n, out.data());
                    INFO("k " << k << " n " << n << " step " << step);
                    REQUIRE(out == expected);
                });
        }
}
