#include <cmath>
#include <random>

#include "pipeline/codec/lanes.hpp"
#include "tests/catch.hpp"

using namespace narrows;
using namespace narrows::codec;

TEST_CASE("a distribution never loses a symbol, whatever it sees", "[codec]") {
    std::mt19937 random(3);
    const auto tables = new_tables();
    std::uint8_t bits[64];
    std::uint32_t step;
    for (int i = 0; i < 20000; ++i) {
        const int residual = i < 8000    ? 0
                             : i < 12000 ? -16
                             : i < 16000 ? 15
                                         : static_cast<int>(random() % 32) - 16;
        simd::ResidualWriter writer{tables.get(), &step, {bits, 0, 0}};
        simd::coding_kernels().put_residual(writer, {14, 3, 3}, residual);
        for (const std::uint32_t index :
             {14u, simd::ResidualTables::sides + 3, simd::ResidualTables::patterns + 3}) {
            const std::uint16_t* const over = tables->of[index].over;
            REQUIRE(over[0] == 0);
            for (std::uint32_t s = 1; s < simd::residual_symbols; ++s) {
                REQUIRE(over[s] >= over[s - 1]);
                REQUIRE(over[s] <= 65504);
            }
        }
    }
    CHECK(tables->seen[14] == 31);
}

TEST_CASE("rows of lanes come back at every level, and with the same bytes", "[codec]") {
    constexpr std::size_t features = 7, rows = 333;
    RowModel model;
    model.features = features;
    model.lags = 2;
    for (std::uint32_t f = 0; f < features; ++f) {
        model.order.push_back((3 * f + 1) % features);
        model.mean.push_back(0.25 * f);
    }
    model.terms = {{{1, 1, 0.5}}, {{0, 1, 0.75}, {1, 4, -0.25}}, {},
                   {{2, 0, 1.5}}, {{0, 4, 0.5}, {0, 1, 0.25}},   {{1, 3, 1}},
                   {{0, 6, -1}}};
    std::mt19937_64 random(11);
    for (const simd::LaneKind kind :
         {simd::LaneKind::single, simd::LaneKind::real, simd::LaneKind::whole})
        for (const std::size_t lanes : {1u, 3u, 8u, 15u, 16u}) {
            std::vector<double> values(rows * features);
            for (double& value : values) {
                value = static_cast<double>(
                    static_cast<float>(static_cast<double>(random() % 4001) / 20 - 100));
                if (kind == simd::LaneKind::whole)
                    value = static_cast<double>(static_cast<int>(value));
                if (random() % 50 == 0) value = std::numeric_limits<double>::quiet_NaN();
            }
            const Grid grid{kind == simd::LaneKind::whole ? 1.0 : 0.02, -100, 101};
            const double bound = kind == simd::LaneKind::whole ? 0 : 0.011;
            const simd::Level before = simd::kernels().level;
            Bytes first;
            for (const simd::Level level : simd::available()) {
                simd::select(level);
                std::vector<std::vector<std::uint16_t>> coded;
                LaneWalk there(model, rows, lanes, grid, kind);
                ResidualEncoder encoder(lanes);
                for (std::size_t step = 0; step < there.steps(); ++step) {
                    for (std::size_t f = 0; f < features; ++f)
                        for (std::size_t lane = 0; lane < simd::coding_lanes; ++lane)
                            there.values()[f * simd::coding_lanes + lane] =
                                lane < there.active(step)
                                    ? values[there.row(step, lane) * features + f]
                                    : std::numeric_limits<double>::quiet_NaN();
                    encoder.row(there.model(), there.now(), bound);
                    coded.emplace_back(there.coded(), there.coded() + features);
                    there.advance();
                }
                const Bytes stream = encoder.finish();
                if (first.empty()) first = stream;
                REQUIRE(stream == first);

                LaneWalk back(model, rows, lanes, grid, kind);
                ResidualDecoder decoder(stream, lanes);
                for (std::size_t step = 0; step < back.steps(); ++step) {
                    std::copy(coded[step].begin(), coded[step].end(), back.coded());
                    decoder.row(back.model(), back.now());
                    for (std::size_t f = 0; f < features; ++f)
                        for (std::size_t lane = 0; lane < back.active(step); ++lane) {
                            const double wanted = values[back.row(step, lane) * features + f];
                            const bool is_coded = (coded[step][f] >> lane & 1) != 0;
                            REQUIRE(is_coded == !std::isnan(wanted));
                            if (is_coded)
                                REQUIRE(std::abs(back.values()[f * simd::coding_lanes + lane] -
                                                 wanted) <= bound);
                        }
                    back.advance();
                }
                decoder.end();
            }
            simd::select(before);
        }
}

TEST_CASE("residuals of any size come back, in any context", "[codec]") {
    std::mt19937_64 random(5);
    std::vector<std::pair<std::int64_t, codec::Context>> all;
    for (int i = 0; i < 30000; ++i) {
        const unsigned bits = static_cast<unsigned>(random() % 41);
        std::int64_t value = static_cast<std::int64_t>(random() & ((std::uint64_t{1} << bits) - 1));
        if (random() % 2 == 0) value = -value;
        const auto scale = static_cast<std::uint32_t>(random() >> (33 + random() % 31));
        all.push_back({value,
                       {scale, static_cast<std::uint32_t>(random() % side_count),
                        static_cast<std::uint32_t>(random() % side_count)}});
    }
    ResidualEncoder encoder;
    for (const auto& [value, context] : all) encoder.put(value, context);
    const Bytes stream = encoder.finish();

    ResidualDecoder decoder(stream);
    for (const auto& [value, context] : all) REQUIRE(decoder.take(context) == value);
    decoder.end();
}

TEST_CASE("a residual beyond what encoders write is damage, not an overflow", "[codec]") {
    const codec::Context wide{~0u >> 7, 0, 0};  // many low bits
    for (const std::int64_t value : {std::int64_t{1} << 60, -(std::int64_t{1} << 60)}) {
        ResidualEncoder encoder;
        encoder.put(value, wide);
        const Bytes stream = encoder.finish();
        ResidualDecoder decoder(stream);
        CHECK_THROWS_AS(decoder.take(wide), Damaged);
    }
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
        entropy += value == 0 ? 1 : std::abs(value) + 2;  // -log2 of 2^-(|v|+1) / 2
        encoder.put(value, {256, 0, 0});
    }
    const double coded = 8.0 * static_cast<double>(encoder.finish().size());
    CHECK(coded < entropy * 1.04);
    CHECK(coded > entropy * 0.99);
}
