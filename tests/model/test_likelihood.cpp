// Likelihoods against their formulas, gradients against finite differences, both in double.
#include "pipeline/model/likelihood.hpp"

#include <cmath>

#include "pipeline/simd/kernels.hpp"
#include "tests/catch.hpp"

using narrows::Error;
using narrows::model::Likelihood;
namespace model = narrows::model;
namespace simd = narrows::simd;
using Kind = Likelihood::Kind;

namespace {

constexpr std::size_t size = 37;

struct Sample {
    std::vector<float> prediction, log_scale, target;
    Sample() {
        for (std::size_t i = 0; i < size; ++i) {
            const auto x = static_cast<double>(i);
            prediction.push_back(static_cast<float>(std::sin(x)));
            log_scale.push_back(static_cast<float>(std::cos(3 * x)));
            target.push_back(static_cast<float>(0.5 + 0.5 * std::sin(7 * x + 1)));
        }
    }
};

double term(Kind kind, double p, double log_s, double t) {
    if (kind == Kind::bernoulli)
        return std::max(p, 0.0) - p * t + std::log1p(std::exp(-std::abs(p)));
    const double d = (p - t) / std::exp(log_s);
    return kind == Kind::gaussian ? 0.5 * d * d + log_s + 0.5 * std::log(2 * M_PI)
                                  : std::abs(d) + log_s + std::log(2.0);
}

}  // namespace

TEST_CASE("likelihoods are nats with their constants, their gradients those of the formula",
          "[model]") {
    const Sample s;
    const Kind kind = GENERATE(Kind::bernoulli, Kind::gaussian, Kind::laplace);
    const bool learned = GENERATE(false, true);
    if (kind == Kind::bernoulli && learned) return;
    Likelihood likelihood;
    likelihood.kind = kind;
    likelihood.scale = 0.3;
    double expected = 0;
    const auto log_s = [&](std::size_t i) {
        return learned ? double{s.log_scale[i]} : std::log(0.3);
    };
    for (std::size_t i = 0; i < size; ++i)
        expected += term(kind, s.prediction[i], log_s(i), s.target[i]);
    std::vector<float> to_prediction(size), to_scale(size);
    const float* scales = learned ? s.log_scale.data() : nullptr;
    const double value = likelihood.nats(s.prediction.data(), scales, s.target.data(), size, 0.25f,
                                         to_prediction.data(), learned ? to_scale.data() : nullptr);
    CHECK(value == Approx(expected).epsilon(kind == Kind::bernoulli ? 1e-6 : 1e-7));
    CHECK(likelihood.nats(s.prediction.data(), scales, s.target.data(), size) == value);
    constexpr double step = 1e-6;
    for (std::size_t i = 0; i < size; ++i) {
        const double p = s.prediction[i], l = log_s(i), t = s.target[i];
        const double slope = (term(kind, p + step, l, t) - term(kind, p - step, l, t)) / (2 * step);
        CHECK(to_prediction[i] == Approx(0.25 * slope).epsilon(1e-4).margin(1e-6));
        if (!learned) continue;
        const double by_scale =
            (term(kind, p, l + step, t) - term(kind, p, l - step, t)) / (2 * step);
        CHECK(to_scale[i] == Approx(0.25 * by_scale).epsilon(1e-4).margin(1e-6));
    }
    for (const simd::Level level : simd::available()) {
        const simd::Level best = simd::kernels().level;
        REQUIRE(simd::select(level));
        std::vector<float> again(size);
        CHECK(likelihood.nats(s.prediction.data(), scales, s.target.data(), size, 0.25f,
                              again.data()) == value);
        CHECK(again == to_prediction);
        simd::select(best);
    }
}

TEST_CASE("a fixed scale is a learned one that does not move", "[model]") {
    const Sample s;
    const std::vector<float> same(size, -0.5f);
    for (const Kind kind : {Kind::gaussian, Kind::laplace}) {
        Likelihood likelihood;
        likelihood.kind = kind;
        likelihood.scale = std::exp(-0.5);
        CHECK(likelihood.nats(s.prediction.data(), same.data(), s.target.data(), size) ==
              Approx(likelihood.nats(s.prediction.data(), nullptr, s.target.data(), size))
                  .epsilon(1e-7));
    }
}

// So that beta weighs the divergence against the same nats: half of the squares at scale 1.
TEST_CASE("a normal of deviation 1 is half the squared error and its constant", "[model]") {
    const Sample s;
    Likelihood likelihood;
    likelihood.kind = Kind::gaussian;
    std::vector<float> gradient(size), squares(size);
    const double value =
        likelihood.nats(s.prediction.data(), nullptr, s.target.data(), size, 1, gradient.data());
    const double sse = simd::kernels().squared_error(s.prediction.data(), s.target.data(), 1,
                                                     squares.data(), size);
    CHECK(value == Approx(sse / 2 + size * 0.5 * std::log(2 * M_PI)).epsilon(1e-12));
    for (std::size_t i = 0; i < size; ++i) CHECK(gradient[i] == squares[i] / 2);
}

TEST_CASE("a learned scale stops at its floor", "[model]") {
    Likelihood likelihood;
    likelihood.kind = Kind::gaussian;
    likelihood.smallest = 0.1;
    const float p = 0.5f, t = 0.5f, low = -30;
    float slope = 1;
    CHECK(likelihood.nats(&p, &low, &t, 1, 1, nullptr, &slope) ==
          Approx(std::log(0.1) + 0.5 * std::log(2 * M_PI)).epsilon(1e-12));
    CHECK(slope == 0);
    CHECK_THROWS_AS(model::likelihood_named("poisson"), Error);
}
