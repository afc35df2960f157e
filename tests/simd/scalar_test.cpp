#include "pipeline/simd/scalar.hpp"

#include "tests/simd/support.hpp"

using namespace narrows;
using namespace narrows::test;

TEST_CASE("scalar functions agree with libm to a few units in the last place", "[scalar]") {
    Numbers numbers(31);
    const auto close = [](double got, double want) {
        return std::abs(got - want) <= 8e-16 * std::abs(want) + 1e-320;
    };
    for (int i = 0; i < 20000; ++i) {
        const double u = numbers.unit(), x = (u - 0.5) * 1400;
        REQUIRE(close(simd::exponential(x), std::exp(x)));
        REQUIRE(close(simd::exponential(u), std::exp(u)));
        const double positive = std::exp((numbers.unit() - 0.5) * 1400);
        REQUIRE(close(simd::logarithm(positive), std::log(positive)));
        REQUIRE(std::abs(simd::logarithm(1 + u * 1e-3) - std::log(1 + u * 1e-3)) <=
                4e-19 + 8e-16 * 1e-3);
        REQUIRE(std::abs(simd::sine(u * M_PI) - std::sin(u * M_PI)) <= 4e-16);
        REQUIRE(std::abs(simd::arc_cosine(2 * u - 1) - std::acos(2 * u - 1)) <= 1e-15);
    }
    constexpr double inf = std::numeric_limits<double>::infinity();
    CHECK(simd::exponential(inf) == inf);
    CHECK(simd::exponential(-inf) == 0);
    CHECK(std::isnan(simd::exponential(NAN)));
    CHECK(simd::logarithm(0) == -inf);
    CHECK(simd::logarithm(inf) == inf);
    CHECK(std::isnan(simd::logarithm(-1)));
    CHECK(simd::logarithm(0x1p-1060) == Approx(-1060 * std::log(2.0)));
    CHECK(simd::arc_cosine(1.5) == 0);
    CHECK(simd::arc_cosine(-1) == Approx(M_PI));
}

TEST_CASE("a log of sums of exponentials holds where the terms do not", "[scalar]") {
    simd::LogSumExp sum;
    for (const double x : {-1000.0, -1001.0, -999.5}) sum.add(x);
    CHECK(sum.log_sum() ==
          Approx(-1000 + std::log(1 + std::exp(-1.0) + std::exp(0.5))).epsilon(1e-15));
    simd::LogSumExp large;
    for (int i = 0; i < 7; ++i) large.add(5000);
    CHECK(large.log_sum() == Approx(5000 + std::log(7.0)).epsilon(1e-15));
}
