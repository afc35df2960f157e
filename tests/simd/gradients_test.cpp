// Weight gradients, the step that follows them, and sums of columns: each a chain over the rows.
#include "tests/simd/support.hpp"

using namespace narrows;
using namespace narrows::test;

namespace {

// tile [count][32] of one panel: chains over the rows of all terms.
std::vector<float> sums_of(const std::vector<simd::OuterTerm>& terms, std::size_t first,
                           std::size_t count, std::size_t panel, std::size_t columns) {
    std::vector<float> sums(count * 32, 0.0f);
    for (std::size_t i = 0; i < count; ++i)
        for (std::size_t j = 0; j < 32 && 32 * panel + j < columns; ++j)
            for (const simd::OuterTerm& t : terms)
                for (std::size_t r = 0; r < t.rows; ++r)
                    sums[i * 32 + j] =
                        std::fma(t.a[r * t.a_stride + first + i],
                                 t.b[r * t.b_stride + 32 * panel + j], sums[i * 32 + j]);
    return sums;
}

}  // namespace

TEST_CASE("a weight gradient's term goes over rows, lines and blocks", "[gradient]") {
    Numbers numbers(13);
    const std::size_t columns = 75;
    const auto a = numbers.vector(2000), b = numbers.vector(90 * 90);
    const std::vector<simd::OuterTerm> terms = {
        {a.data(), 3, b.data(), 80, 4, {5, 40, 400}, {3, 300, 2000}},
        {a.data() + 1, 7, b.data() + 1, 90, 6, {1, 5, 5}, {2, 100, 90}},
        {a.data(), 3, b.data(), 80, 4, {0, 40, 400}, {3, 300, 2000}}};
    for (std::size_t panel = 0; panel < 3; ++panel)
        for (std::size_t count = 1; count <= 8; ++count) {
            std::vector<float> expected(count * 32, 0.0f);
            for (std::size_t i = 0; i < count; ++i)
                for (std::size_t j = 0; j < 32 && 32 * panel + j < columns; ++j)
                    for (const simd::OuterTerm& t : terms)
                        for (std::size_t block = 0; block < t.blocks.times; ++block)
                            for (std::size_t line = 0; line < t.lines.times; ++line)
                                for (std::size_t r = 0; r < t.rows; ++r)
                                    expected[i * 32 + j] =
                                        std::fma(t.a[block * t.blocks.a + line * t.lines.a +
                                                     r * t.a_stride + 2 + i],
                                                 t.b[block * t.blocks.b + line * t.lines.b +
                                                     r * t.b_stride + 32 * panel + j],
                                                 expected[i * 32 + j]);
            each_level([&](const Kernels& kernels) {
                std::vector<float> tile(count * 32, untouched);
                kernels.weight_gradient(terms, 2, count, panel, columns, tile.data());

                INFO("panel " << panel << " count " << count);
                REQUIRE(same_bits(tile, expected));
            });
        }
}

// Rows far apart (whole pages), many and few of them are each summed in their own way.
TEST_CASE("a weight gradient is one chain over all terms' rows", "[gradient]") {
    Numbers numbers(5);
    const std::size_t inputs = 21, columns = 75, a_stride = 25;
    for (const std::size_t b_stride : {80, 1024})
        for (const std::size_t more : {0, 140}) {
            std::vector<std::vector<float>> a, b;
            std::vector<simd::OuterTerm> terms;
            for (const std::size_t r :
                 {std::size_t{17}, std::size_t{0}, 1 + more, std::size_t{132}}) {
                a.push_back(numbers.vector(r * a_stride + 1));
                b.push_back(numbers.vector(r * b_stride + 1));
                terms.push_back({a.back().data(), a_stride, b.back().data(), b_stride, r});
            }
            for (std::size_t panel = 0; panel < 3; ++panel)
                for (const std::size_t count : {1, 2, 3, 4, 5, 6, 7, 8, 18}) {
                    const std::size_t first = inputs - count - 3;
                    const auto expected = sums_of(terms, first, count, panel, columns);
                    each_level([&](const Kernels& kernels) {
                        std::vector<float> tile(count * 32, untouched);
                        kernels.weight_gradient(terms, first, count, panel, columns, tile.data());

                        INFO("panel " << panel << " count " << count << " stride " << b_stride);
                        REQUIRE(same_bits(tile, expected));
                    });
                }
        }
}

TEST_CASE("a dense layer's step of Adam is gradient, rule and transpose, bit for bit",
          "[gradient]") {
    Numbers numbers(9);
    const std::size_t outputs = 75;
    simd::AdamStep adam;
    adam.correction1 = 10, adam.correction2 = 1000, adam.decay = 0.01f, adam.decoupled_decay = 0.1f;
    // A few samples, more, as many as are brought near at once, and more than those; weights of one
    // block, and of several.
    struct Size {
        std::size_t inputs, rows;
    };
    constexpr Size sizes[] = {{45, 0},   {45, 1},   {45, 5},   {45, 16}, {45, 37},
                              {205, 12}, {205, 85}, {205, 90}, {45, 800}};
    for (const Size& size : sizes) {
        const std::size_t inputs = size.inputs, rows = size.rows;
        const auto a = numbers.vector(rows * inputs + 1), b = numbers.vector(rows * outputs + 1);
        const simd::OuterTerm terms[] = {{a.data(), inputs, b.data(), outputs, rows},
                                         {a.data(), inputs, b.data(), outputs, rows / 2}};
        const auto weight = packed(numbers.vector(inputs * outputs), inputs, outputs);
        const auto mean = packed(numbers.vector(inputs * outputs), inputs, outputs);
        auto variance = packed(numbers.vector(inputs * outputs), inputs, outputs);
        for (float& v : variance) v *= v;
        each_level([&](const Kernels& kernels) {
            auto w = weight, m = mean, v = variance;
            std::vector<float> t(simd::panels_size(outputs, inputs)), expected_t = t;
            auto expected_w = weight, expected_m = mean, expected_v = variance;
            for (std::size_t panel = 0; panel < simd::panel_count(outputs); ++panel)
                for (std::size_t first = 0; first < inputs; first += 8) {
                    const std::size_t count = std::min<std::size_t>(8, inputs - first);
                    const std::size_t at = (panel * inputs + first) * 32;
                    std::vector<float> tile(count * 32);
                    kernels.weight_gradient({terms, 2}, first, count, panel, outputs, tile.data());
                    kernels.adam(adam, &expected_w[at], tile.data(), &expected_m[at],
                                 &expected_v[at], count * 32);
                    kernels.transpose_tile(&expected_w[at], first, count, panel, inputs, outputs,
                                           expected_t.data());
                }
            step_in_parts(kernels.dense_adam, {.terms = {terms, 2},
                                               .inputs = inputs,
                                               .outputs = outputs,
                                               .weight = w.data(),
                                               .mean = m.data(),
                                               .variance = v.data(),
                                               .transposed = t.data(),
                                               .adam = adam});

            INFO("rows " << rows);
            REQUIRE(same_bits(w, expected_w));
            REQUIRE(same_bits(m, expected_m));
            REQUIRE(same_bits(v, expected_v));
            REQUIRE(same_bits(t, expected_t));
        });
    }
}

TEST_CASE("column sums are chains over the rows", "[gradient]") {
    Numbers numbers(8);
    const std::size_t rows = 37, stride = 150;
    const auto x = numbers.vector(rows * stride);
    std::vector<float> expected(stride, 0.0f);
    for (std::size_t j = 0; j < stride; ++j)
        for (std::size_t r = 0; r < rows; ++r) expected[j] += x[r * stride + j];

    for (const std::size_t first : {0, 1, 33})
        for (const std::size_t last : {33, 40, 64, 65, 90, 150})
            each_level([&](const Kernels& kernels) {
                std::vector<float> sums(stride, untouched);
                kernels.column_sums(x.data(), stride, rows, first, last, sums.data());
                for (std::size_t j = 0; j < stride; ++j)
                    REQUIRE(same_bits(sums[j], j >= first && j < last ? expected[j] : untouched));
            });
}
