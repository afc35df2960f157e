#include <random>

#include "pipeline/codec/residuals.hpp"
#include "tests/catch.hpp"

using namespace narrows::codec;

TEST_CASE("a distribution never loses a symbol, whatever it sees", "[codec]") {
    std::mt19937 random(3);
    Distribution d = two_sided();
    for (int i = 0; i < 20000; ++i) {
        const std::uint32_t symbol = i < 8000 ? 16 : i < 12000 ? 0 : i < 16000 ? 31 : random() % symbol_count;
        d.learn(symbol, 7);
        REQUIRE(d.low[0] == 0);
        for (std::uint32_t s = 1; s < symbol_count; ++s) REQUIRE(d.low[s] > d.low[s - 1]);
        REQUIRE(d.low[symbol_count - 1] < static_cast<std::int32_t>(rans_total));
    }
    CHECK(d.seen == 4096);
}

TEST_CASE("residuals of any size come back, in any context", "[codec]") {
    std::mt19937_64 random(5);
    std::vector<std::pair<std::int64_t, Context>> all;
    for (int i = 0; i < 30000; ++i) {
        const unsigned bits = static_cast<unsigned>(random() % 41);
        std::int64_t value = static_cast<std::int64_t>(random() & ((std::uint64_t{1} << bits) - 1));
        if (random() % 2 == 0) value = -value;
        const auto scale = static_cast<std::uint32_t>(random() >> (33 + random() % 31));
        all.push_back({value, {scale, static_cast<std::uint32_t>(random() % side_count), static_cast<std::uint32_t>(random() % side_count)}});
    }
    ResidualEncoder encoder;
    for (const auto& [value, context] : all) encoder.put(value, context);
    const Bytes stream = encoder.finish();

    ResidualDecoder decoder(stream);
    for (const auto& [value, context] : all) REQUIRE(decoder.take(context) == value);
    decoder.end();
}

TEST_CASE("coded residuals are close to the entropy of what they follow", "[codec]") {
    // Geometric on both sides: p(0) = 1/3, entropy 2.333 bits for decay 1/2.
    std::mt19937_64 random(9);
    ResidualEncoder encoder;
    const int count = 200000;
    double entropy = 0;
    for (int i = 0; i < count; ++i) {
        int size = 0;
        while (random() % 2 == 0) ++size;
        const int value = size == 0 ? 0 : (random() % 2 == 0 ? size : -size);
        entropy += value == 0 ? 1 : std::abs(value) + 2;   // -log2 of 2^-(|v|+1) / 2
        encoder.put(value, {256, 0, 0});
    }
    const double coded = 8.0 * static_cast<double>(encoder.finish().size());
    CHECK(coded < entropy * 1.04);
    CHECK(coded > entropy * 0.99);
}
