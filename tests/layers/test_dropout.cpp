// Dropout: which values fall out is a function of seed, node, epoch and sample; nothing else.
#include "pipeline/layers/dropout.hpp"
#include "tests/layers/layer_bench.hpp"

using namespace layer_test;
using layers::Dropout;

namespace {

std::unique_ptr<Dropout> dropout(double rate, const Shape& in) {
    auto layer = make<Dropout>({number("rate", rate)});
    REQUIRE(layer->configure(in) == in);
    return layer;
}

std::vector<float> row_of(const std::vector<float>& values, std::size_t row, std::size_t rows) {
    const auto size = long(values.size() / rows);
    return {values.begin() + long(row) * size, values.begin() + long(row + 1) * size};
}

}  // namespace

TEST_CASE("dropout sets the asked part to zero and scales the rest", "[dropout]") {
    for (const double rate : {0.1, 0.5, 0.9}) {
        INFO(rate);
        const Shape in{100, 20};
        const auto layer = dropout(rate, in);
        Bench bench(*layer, in, in, 50);
        bench.pass.key = {11, 5};
        bench.forward();
        std::size_t zeros = 0;
        const float keep = 1 / (1 - static_cast<float>(rate));
        for (std::size_t i = 0; i < bench.x.size(); ++i) {
            if (bench.y[i] == 0)
                ++zeros;
            else
                REQUIRE(bench.y[i] == bench.x[i] * keep);
        }
        const auto count = double(bench.x.size());
        CHECK(std::abs(double(zeros) / count - rate) < 5 * std::sqrt(rate * (1 - rate) / count));
    }
}

TEST_CASE("dropout with rate 0 and outside training passes values through", "[dropout]") {
    const Shape in{40};
    const auto layer = dropout(0.5, in), none = dropout(0, in);
    for (const Phase phase : {Phase::validation, Phase::streaming}) {
        Bench bench(*layer, in, in, 6);
        bench.pass.phase = phase;
        bench.forward();
        CHECK(same_bits(bench.y, bench.x));
        bench.backward();
        CHECK(same_bits(bench.dx, bench.weight_of_y));
    }
    Bench bench(*none, in, in, 6);
    bench.forward();
    CHECK(same_bits(bench.y, bench.x));
}

TEST_CASE("the gradient goes through the values that dropout left", "[dropout]") {
    const Shape in{60};
    const auto layer = dropout(0.4, in);
    Bench bench(*layer, in, in, 8);
    bench.pass.key = {2, 9};
    bench.pass.epoch = 3;
    bench.forward();
    bench.backward();
    const float keep = 1 / (1 - 0.4f);
    for (std::size_t i = 0; i < bench.x.size(); ++i)
        REQUIRE(bench.dx[i] == (bench.y[i] == 0 ? 0.0f : bench.weight_of_y[i] * keep));
    check_differences(bench, 1e-2, 1e-3);
}

TEST_CASE("a sample's dropout depends on its number, not on its batch or its threads",
          "[dropout]") {
    const Shape in{333};
    const auto level = simd::kernels().level;
    const auto layer = dropout(0.5, in);
    const auto run = [&](std::vector<std::int64_t> ids, const Loop& loop, RandomKey key = {4, 8},
                         std::uint32_t epoch = 2) {
        Bench bench(*layer, in, in, ids.size());
        bench.x.assign(bench.x.size(), 1.0f);
        bench.ids = std::move(ids);
        bench.pass.sample_ids = bench.ids;
        bench.pass.loop = &loop;
        bench.pass.key = key;
        bench.pass.epoch = epoch;
        bench.forward();
        return bench.y;
    };
    const std::vector<float> all = run({7, 100, 3, 5000000000, 9}, SerialLoop{});
    for (const std::size_t threads : {1u, 2u, 3u, 5u})
        CHECK(same_bits(all, run({7, 100, 3, 5000000000, 9}, ThreadLoop(threads))));
    for (const simd::Level other : simd::available()) {
        REQUIRE(simd::select(other));
        CHECK(same_bits(all, run({7, 100, 3, 5000000000, 9}, BackwardLoop{})));
    }
    simd::select(level);
    const std::vector<float> turned = run({5000000000, 7}, SerialLoop{});
    CHECK(same_bits(row_of(turned, 0, 2), row_of(all, 3, 5)));
    CHECK(same_bits(row_of(turned, 1, 2), row_of(all, 0, 5)));

    // Every part of the key counts.
    const std::vector<float> one = run({7}, SerialLoop{});
    CHECK_FALSE(same_bits(one, run({8}, SerialLoop{})));
    CHECK_FALSE(same_bits(one, run({7 + (std::int64_t{1} << 32)}, SerialLoop{})));
    CHECK_FALSE(same_bits(one, run({7}, SerialLoop{}, {5, 8})));
    CHECK_FALSE(same_bits(one, run({7}, SerialLoop{}, {4, 9})));
    CHECK_FALSE(same_bits(one, run({7}, SerialLoop{}, {4, 8}, 1)));
}
