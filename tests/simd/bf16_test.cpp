// Moments in bf16: what the kernels store is what simd/bf16.hpp states, its expectation is the
// exact value, and the second moment goes where Adam's formula leads.
#include "pipeline/simd/bf16.hpp"

#include "tests/simd/support.hpp"

using namespace narrows;
using namespace narrows::test;

namespace {

using Key = std::array<std::uint32_t, 2>;

Key key_of(std::uint32_t step) {
    return {simd::mixed(2 * step + 1), simd::mixed(2 * step + 0x80000000u)};
}

std::vector<float> pairs_of(const std::vector<float>& first, const std::vector<float>& second) {
    std::vector<float> pairs(first.size());
    for (std::size_t i = 0; i < pairs.size(); ++i)
        pairs[i] = simd::nearest_pair(first[i], second[i]);
    return pairs;
}

// NaNs among the bits of two moments are bits like any others.
void require_same_words(const std::vector<float>& a, const std::vector<float>& b) {
    REQUIRE(a.size() == b.size());
    if (!a.empty()) REQUIRE(std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

}  // namespace

TEST_CASE("adam in bf16 is a step in fp32 whose moments are rounded as stated", "[bf16]") {
    Numbers numbers(41);
    simd::AdamStep step{
        .rate = 0.01f, .decay = 0.02f, .decoupled_decay = 0.05f, .gradient_scale = 0.5f};
    for (const std::size_t n : lengths())
        for (const std::size_t place : {0, 96}) {
            step.rounding = key_of(static_cast<std::uint32_t>(n));
            const auto weight = numbers.vector(n), gradient = numbers.vector(n);
            const auto pairs = pairs_of(numbers.vector(n), numbers.vector(n, 0, 1));
            std::vector<float> first(n), second(n), expected(n), w = weight;
            for (std::size_t i = 0; i < n; ++i) {
                first[i] = simd::first_of_pair(pairs[i]);
                second[i] = simd::second_of_pair(pairs[i]);
            }
            portable().adam(step, w.data(), gradient.data(), first.data(), second.data(), n);
            for (std::size_t i = 0; i < n; ++i)
                expected[i] = simd::rounded_pair(first[i], second[i],
                                                 simd::rounding_bits(step.rounding, place + i));

            each_level([&](const Kernels& kernels) {
                auto weights = weight, moments = pairs;
                kernels.adam_bf16(step, place, weights.data(), gradient.data(), moments.data(), n);

                INFO("length " << n << " place " << place);
                REQUIRE(same_bits(weights, w));
                require_same_words(moments, expected);
            });
        }
}

TEST_CASE("a dense layer's step in bf16 is gradient, rule and transpose, bit for bit", "[bf16]") {
    Numbers numbers(42);
    const std::size_t inputs = 45, outputs = 75, size = simd::panels_size(inputs, outputs);
    simd::AdamStep adam;
    adam.correction1 = 10, adam.correction2 = 1000, adam.decay = 0.01f, adam.rounding = key_of(3);
    for (const std::size_t rows : {1, 16}) {
        const auto a = numbers.vector(rows * inputs), b = numbers.vector(rows * outputs);
        const simd::OuterTerm term{a.data(), inputs, b.data(), outputs, rows};
        const auto weight = numbers.vector(size);
        const auto moments = pairs_of(numbers.vector(size), numbers.vector(size, 0, 1));
        each_level([&](const Kernels& kernels) {
            auto w = weight, m = moments, expected_w = weight, expected_m = moments;
            std::vector<float> t(simd::panels_size(outputs, inputs)), expected_t = t;
            for (std::size_t panel = 0; panel < simd::panel_count(outputs); ++panel)
                for (std::size_t first = 0; first < inputs; first += 8) {
                    const std::size_t count = std::min<std::size_t>(8, inputs - first);
                    const std::size_t at = (panel * inputs + first) * 32;
                    std::vector<float> tile(count * 32);
                    kernels.weight_gradient({&term, 1}, first, count, panel, outputs, tile.data());
                    kernels.adam_bf16(adam, at, &expected_w[at], tile.data(), &expected_m[at],
                                      count * 32);
                    kernels.transpose_tile(&expected_w[at], first, count, panel, inputs, outputs,
                                           expected_t.data());
                }
            step_in_parts(kernels.dense_adam_bf16, {.terms = {&term, 1},
                                                    .inputs = inputs,
                                                    .outputs = outputs,
                                                    .weight = w.data(),
                                                    .mean = m.data(),
                                                    .transposed = t.data(),
                                                    .adam = adam});

            INFO("rows " << rows);
            REQUIRE(same_bits(w, expected_w));
            require_same_words(m, expected_m);
            REQUIRE(same_bits(t, expected_t));
        });
    }
}

TEST_CASE("the rounding gives one of the two neighbours, and the exact value on average",
          "[bf16]") {
    constexpr std::uint32_t steps = 4000;
    constexpr std::size_t places = 160;
    const float values[] = {1.0f,    1.001f,    -0.37211f, 3.9999f, 1e-12f,
                            -2e-20f, 0x1p-140f, 65503.3f,  0.0f};
    for (const float x : values) {
        const float low = std::bit_cast<float>(std::bit_cast<std::uint32_t>(x) & 0xffff0000u);
        const float high =
            std::bit_cast<float>((std::bit_cast<std::uint32_t>(x) & 0xffff0000u) + 0x10000u);
        const double gap = static_cast<double>(high) - low,
                     part = (static_cast<double>(x) - low) / gap;
        double ups[2] = {0, 0}, both = 0, worst = 0;
        std::vector<std::uint32_t> of_place(places);
        for (std::uint32_t step = 0; step < steps; ++step)
            for (std::size_t place = 0; place < places; ++place) {
                const float pair =
                    simd::rounded_pair(x, x, simd::rounding_bits(key_of(step), place));
                const float first = simd::first_of_pair(pair), second = simd::second_of_pair(pair);
                REQUIRE(((first == low || first == high) && (second == low || second == high)));
                const bool up = first == high, other = second == high;
                ups[0] += up, ups[1] += other, both += up && other, of_place[place] += other;
            }
        const double all = double{steps} * places, spread = std::sqrt(part * (1 - part));
        for (const std::uint32_t count : of_place)
            worst = std::max(worst, std::abs(count / double{steps} - part));
        INFO("value " << x);
        CHECK(std::abs(ups[0] / all - part) <= 5 * spread / std::sqrt(all));
        CHECK(std::abs(ups[1] / all - part) <= 5 * spread / std::sqrt(all));
        CHECK(std::abs(both / all - part * part) <= 0.005);     // one does not tell the other
        CHECK(worst <= 5 * spread / std::sqrt(double{steps}));  // nor is a place favoured
    }
}

// Gradients of 1: the moments are 1 - beta^t. Rounded to nearest, the second stops where a step of
// (1 - beta2) (1 - v) is half a spacing: at 0.5.
TEST_CASE("the second moment does not stall", "[bf16]") {
    constexpr std::size_t n = 256;
    constexpr int steps = 5000;
    simd::AdamStep step{.rate = 0};
    const std::vector<float> gradient(n, 1.0f);
    std::vector<float> weight(n), moments(n);
    float nearest = 0;
    for (int t = 1; t <= steps; ++t) {
        step.rounding = key_of(static_cast<std::uint32_t>(t));
        simd::kernels().adam_bf16(step, 0, weight.data(), gradient.data(), moments.data(), n);
        nearest = simd::first_of_pair(simd::nearest_pair(0.999f * nearest + 0.001f, 0));
        if (t % 500 != 0) continue;
        double first = 0, second = 0;
        for (const float pair : moments) {
            first += static_cast<double>(simd::first_of_pair(pair)) / n;
            second += static_cast<double>(simd::second_of_pair(pair)) / n;
        }
        INFO("step " << t);
        CHECK(first == Approx(1 - std::pow(0.9, t)).epsilon(0.005));
        CHECK(second == Approx(1 - std::pow(0.999, t)).epsilon(0.02));
    }
    CHECK(nearest < 0.6f);
}
