// Layers of sparse codes: exactly k, winners over the batch, the shared centre, units of length 1.
#include "pipeline/layers/centre.hpp"
#include "pipeline/layers/dense.hpp"
#include "pipeline/layers/top_k.hpp"
#include "pipeline/layers/winner_take_all.hpp"
#include "tests/layers/layer_bench.hpp"

using namespace layer_test;
using layers::Centre;
using layers::Dense;
using layers::TopK;
using layers::WinnerTakeAll;

namespace {

std::size_t kept(const std::vector<float>& y, std::size_t first, std::size_t stride,
                 std::size_t count) {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += y[first + i * stride] != 0;
    return sum;
}

}  // namespace

TEST_CASE("top_k keeps exactly k, falling over the epochs of training only", "[layers]") {
    auto layer = make<TopK>({number("k", 3), number("start", 11), number("epochs", 4)});
    layer->configure(Shape{20});
    Bench bench(*layer, Shape{20}, Shape{20}, 9);
    const std::size_t wanted[] = {11, 9, 7, 5, 3, 3};
    for (std::uint32_t epoch = 0; epoch < 6; ++epoch) {
        bench.pass.epoch = epoch;
        bench.pass.phase = Phase::training;
        bench.forward();
        for (std::size_t row = 0; row < 9; ++row)
            CHECK(kept(bench.y, row * 20, 1, 20) == wanted[epoch]);
        bench.pass.phase = Phase::validation;
        bench.forward();
        for (std::size_t row = 0; row < 9; ++row) CHECK(kept(bench.y, row * 20, 1, 20) == 3);
    }
    bench.pass.phase = Phase::training;
    check_differences(bench, 1e-3, 1e-2);
}

TEST_CASE("top_k refuses a start without epochs, below k, or beyond the input", "[layers]") {
    CHECK_THROWS_AS(make<TopK>({number("k", 3), number("start", 5)})->configure(Shape{9}), Error);
    CHECK_THROWS_AS(make<TopK>({number("k", 3), number("epochs", 5)})->configure(Shape{9}), Error);
    CHECK_THROWS_AS(
        make<TopK>({number("k", 3), number("start", 2), number("epochs", 5)})->configure(Shape{9}),
        Error);
    CHECK_THROWS_AS(
        make<TopK>({number("k", 3), number("start", 10), number("epochs", 5)})->configure(Shape{9}),
        Error);
}

TEST_CASE("winner_take_all keeps each unit's share of the batch, and everything outside training",
          "[layers]") {
    auto layer = make<WinnerTakeAll>({number("share", 0.25)});
    layer->configure(Shape{37});
    Bench bench(*layer, Shape{37}, Shape{37}, 12);
    bench.forward();
    for (std::size_t unit = 0; unit < 37; ++unit) {
        CHECK(kept(bench.y, unit, 37, 12) == 3);
        float least = 1e9f, most_lost = -1e9f;
        for (std::size_t at = unit; at < bench.y.size(); at += 37)
            if (bench.y[at] != 0)
                least = std::min(least, bench.x[at]);
            else
                most_lost = std::max(most_lost, bench.x[at]);
        CHECK(least > most_lost);
    }
    const std::vector<float> serial = bench.y;
    const BackwardLoop backwards;
    bench.pass.loop = &backwards;
    bench.forward();
    CHECK(bench.y == serial);
    bench.pass.loop = &bench.serial;
    check_differences(bench, 1e-3, 1e-2);
    std::fill(bench.x.begin(), bench.x.end(), 1.0f);  // equal values: the first samples win
    bench.forward();
    CHECK(kept(bench.y, 0, 37, 12) == 3);
    CHECK(bench.y[0] == 1);
    CHECK(bench.y[37 * 3] == 0);
    bench.pass.phase = Phase::streaming;
    bench.forward();
    CHECK(bench.y == bench.x);
}

TEST_CASE("a centre starts at the mean, and both directions share it and its gradient",
          "[layers]") {
    auto in = make<Centre>({}), out = make<Centre>({number("inverse", 1)});
    in->configure(Shape{7});
    out->configure(Shape{7});
    const std::vector<float> mean = noise(7, 3), deviation(7, 1.0f);
    in->fit(mean, deviation);
    Bench alone(*in, Shape{7}, Shape{7}, 5);
    alone.forward();
    CHECK(alone.y[8] == alone.x[8] - mean[1]);
    check_differences(alone, 1e-2, 1e-2);

    CHECK_FALSE(in->tie(*in));
    REQUIRE(out->tie(*in));
    CHECK(out->parameters().empty());
    Bench other(*out, Shape{7}, Shape{7}, 4, 9);
    other.forward();
    CHECK(other.y[8] == other.x[8] + mean[1]);
    alone.backward();
    other.backward();
    Gradients rule(*in);
    const std::vector<layers::Trace> first{alone.trace()}, second{other.trace()};
    in->prepare_update(first);
    out->prepare_update(second);
    in->update_layer(alone.serial, first, rule);
    const std::vector<float> gradient = rule.of(*in->parameters()[0]);
    for (std::size_t i = 0; i < 7; ++i) {
        double sum = 0;
        for (std::size_t r = 0; r < 5; ++r) sum -= double(alone.dz[r * 7 + i]);
        for (std::size_t r = 0; r < 4; ++r) sum += double(other.dz[r * 7 + i]);
        CHECK(double(gradient[i]) == Approx(sum).epsilon(1e-5).margin(1e-6));
    }
}

TEST_CASE("units keep length 1, and a unit that starts anew leaves the others as they were",
          "[layers]") {
    auto layer = make<Dense>({number("units", 37), number("unit_norm", 1)});
    layer->configure(Shape{19});
    layer->initialise({1, 2});
    const auto lengths_are_one = [&] {
        const std::vector<float> w = values_of(*layer->parameters()[0]);
        for (std::size_t unit = 0; unit < 37; ++unit) {
            double square = 0;
            for (std::size_t i = unit; i < w.size(); i += 37) square += double(w[i]) * double(w[i]);
            CHECK(square == Approx(1).epsilon(1e-6));
        }
    };
    lengths_are_one();
    for (layers::Parameter* parameter : layer->parameters()) {
        parameter->make_states(2);
        const std::vector<float> ones(parameter->count(), 1.0f);
        parameter->set_values(ones, 0);
        parameter->set_values(ones, 1);
    }
    layer->parameters()[1]->set_values(std::vector<float>(37, 0.5f));
    const std::vector<float> before = values_of(*layer->parameters()[0]);
    const std::vector<std::size_t> units{0, 35};
    REQUIRE(layer->restart(units, {1, 3}));
    lengths_are_one();
    const std::vector<float> after = values_of(*layer->parameters()[0]),
                             bias = values_of(*layer->parameters()[1]),
                             moments = values_of(*layer->parameters()[0], 1);
    for (std::size_t i = 0; i < after.size(); ++i) {
        const bool fresh = i % 37 == 0 || i % 37 == 35;
        CHECK(moments[i] == (fresh ? 0.0f : 1.0f));
        if (fresh)
            CHECK(after[i] != before[i]);
        else
            CHECK(double(after[i]) == Approx(double(before[i])).epsilon(1e-6).margin(1e-9));
        if (i < 37) CHECK(bias[i] == (fresh ? 0.0f : 0.5f));
    }
    Bench bench(*layer, Shape{19}, Shape{37}, 6);
    check_differences(bench, 1e-2, 2e-2);
    lengths_are_one();
}
