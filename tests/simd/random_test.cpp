#include <algorithm>
#include <array>
#include <map>

#include "pipeline/simd/random.hpp"
#include "tests/simd/support.hpp"

using namespace narrows;
using namespace narrows::test;
using simd::RandomStream;

TEST_CASE("philox gives Random123's published answers", "[random]") {
    // Counter and key all zero, all one bits, and digits of pi, as in the published vectors. Node
    // 0 leaves the key as it is.
    using Words = std::array<std::uint32_t, 4>;
    CHECK(simd::philox(0, 0, 0, 0, 0) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(simd::philox(~0ull, 0, ~0u, ~0ull, ~0u) ==
          Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(simd::philox(0x299f31d0a4093822ull, 0, 0x03707344, 0x13198a2e85a308d3ull, 0x243f6a88) ==
          Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform numbers are philox's words in order", "[random]") {
    const RandomStream stream{0x123456789abcdef0ull, 77, 3, 0xabcdef0123456789ull};
    for (const std::size_t first : {0, 1, 2, 3, 4, 61, 1000003})
        for (const std::size_t n : lengths())
            each_level([&](const Kernels& k) {
                std::vector<float> u(n + 1, 4.0f);
                k.uniform(stream, first, u.data(), n);
                for (std::size_t i = 0; i < n; ++i) {
                    const std::size_t e = first + i;
                    const auto words =
                        simd::philox(stream.seed, stream.node, stream.epoch, stream.sample,
                                     static_cast<std::uint32_t>(e / 4));
                    REQUIRE(u[i] == simd::to_uniform(words[e % 4]));
                }
                REQUIRE(u[n] == 4.0f);
            });
}

TEST_CASE("normal numbers are Box and Muller's of philox's words", "[random]") {
    const RandomStream stream{5, 6, 7, 8};
    each_level([&](const Kernels& k) {
        std::vector<float> z(4000);
        k.normal(stream, 0, z.data(), z.size());
        for (std::size_t i = 0; i < z.size(); ++i) {
            const auto words = simd::philox(5, 6, 7, 8, static_cast<std::uint32_t>(i / 4));
            const std::size_t pair = i % 4 / 2 * 2;
            const double radius =
                std::sqrt(-2 * std::log(1 - static_cast<double>(simd::to_uniform(words[pair]))));
            const double turn =
                6.283185307179586 * static_cast<double>(simd::to_uniform(words[pair + 1]));
            const double right = radius * (i % 2 == 0 ? std::cos(turn) : std::sin(turn));
            REQUIRE(static_cast<double>(z[i]) == Approx(right).epsilon(1e-6).margin(1e-6));
        }
    });
}

TEST_CASE("a random element does not depend on what is asked beside it", "[random]") {
    const RandomStream stream{99, 1, 2, 3};
    std::vector<float> whole(500);
    portable().normal(stream, 0, whole.data(), whole.size());
    each_level([&](const Kernels& k) {
        for (std::size_t first = 0; first < 70; ++first)
            for (const std::size_t n : {1, 3, 16, 33, 200}) {
                std::vector<float> part(n + 1, 8.0f);
                k.normal(stream, first, part.data(), n);
                for (std::size_t i = 0; i < n; ++i) REQUIRE(same_bits(part[i], whole[first + i]));
                REQUIRE(part[n] == 8.0f);
            }
    });
}

TEST_CASE("normal numbers have the moments of a normal distribution", "[random]") {
    const std::size_t n = 1 << 20;
    std::vector<float> z(n);
    simd::kernels().normal({2024, 11, 0, 0}, 0, z.data(), n);
    double moment[5] = {}, lag = 0, beyond = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double x = static_cast<double>(z[i]);
        for (int p = 1; p <= 4; ++p) moment[p] += std::pow(x, p) / static_cast<double>(n);
        if (i > 0) lag += x * static_cast<double>(z[i - 1]) / static_cast<double>(n);
        beyond += std::abs(x) > 3 ? 1.0 : 0.0;
    }
    CHECK(moment[1] == Approx(0).margin(0.005));
    CHECK(moment[2] == Approx(1).margin(0.007));
    CHECK(moment[3] == Approx(0).margin(0.015));
    CHECK(moment[4] == Approx(3).margin(0.05));
    CHECK(lag == Approx(0).margin(0.005));
    CHECK(beyond / static_cast<double>(n) == Approx(0.0026998).margin(0.0003));
}

TEST_CASE("noise is made of the same uniform and normal numbers", "[random]") {
    Numbers numbers(31);
    const RandomStream stream{41, 42, 43, 44};
    for (const std::size_t n : lengths())
        each_level([&](const Kernels& k) {
            const auto x = numbers.vector(n);
            std::vector<float> u(n), z(n), noisy(n), masked(n), salted(n);
            portable().uniform(stream, 0, u.data(), n);
            portable().normal(stream, 0, z.data(), n);
            k.add_gaussian(stream, 0.3f, x.data(), noisy.data(), n);
            k.mask(stream, 0.4f, -5, 1.5f, x.data(), masked.data(), n);
            k.salt_and_pepper(stream, 0.5f, -7, 7, x.data(), salted.data(), n);
            for (std::size_t i = 0; i < n; ++i) {
                REQUIRE(same_bits(noisy[i], std::fma(0.3f, z[i], x[i])));
                REQUIRE(same_bits(masked[i], u[i] < 0.4f ? -5.0f : x[i] * 1.5f));
                REQUIRE(same_bits(salted[i], u[i] < 0.25f ? -7.0f : u[i] < 0.5f ? 7.0f : x[i]));
            }
        });
}

TEST_CASE("a permutation visits everything once and depends on its key", "[random]") {
    for (const std::uint64_t size : {1, 2, 3, 5, 16, 17, 1000, 4097, 65536}) {
        const simd::Permutation permutation(7, 8, 9, size), other(7, 8, 10, size);
        std::vector<bool> seen(size);
        std::uint64_t alike = 0, fixed = 0;
        for (std::uint64_t i = 0; i < size; ++i) {
            const std::uint64_t to = permutation(i);
            REQUIRE(to < size);
            REQUIRE_FALSE(seen[to]);
            seen[to] = true;
            alike += to == other(i);
            fixed += to == i;
        }
        if (size >= 1000) {
            CHECK(alike < 12);
            CHECK(fixed < 12);
        }
    }
}

TEST_CASE("over many keys, three numbers meet every order about as often", "[random]") {
    std::map<std::array<std::uint64_t, 3>, int> orders;
    for (std::uint64_t seed = 0; seed < 6000; ++seed) {
        const simd::Permutation permutation(seed, 1, 2, 3);
        ++orders[{permutation(0), permutation(1), permutation(2)}];
    }
    CHECK(orders.size() == 6);
    for (const auto& [order, times] : orders) CHECK(std::abs(times - 1000) < 120);
}

TEST_CASE("indices permuted together go where each goes alone", "[random]") {
    for (const std::uint64_t size : {1, 2, 5, 17, 1000, 65537}) {
        const simd::Permutation permutation(3, 1, 4, size);
        for (const std::size_t count : {0, 1, 7, 8, 9, 300}) {
            std::vector<std::uint64_t> together(count), alone(count);
            for (std::size_t i = 0; i < count; ++i) {
                together[i] = (i * 7) % size;
                alone[i] = permutation(together[i]);
            }
            permutation.permute(together);
            REQUIRE(together == alone);
        }
    }
}

TEST_CASE("a permutation of more than 2^32 numbers stays in range", "[random]") {
    const std::uint64_t size = (1ull << 40) + 12345;
    const simd::Permutation permutation(1, 2, 3, size);
    std::vector<std::uint64_t> images;
    for (std::uint64_t i = 0; i < 1000; ++i) images.push_back(permutation(i * 1000003));
    std::sort(images.begin(), images.end());
    CHECK(images.back() < size);
    CHECK(std::adjacent_find(images.begin(), images.end()) == images.end());
}
