// Interpolation from coarse to fine: any extents, holes, bounds; where it must win.
#include <cmath>

#include "pipeline/codec/choose.hpp"
#include "pipeline/simd/kernels.hpp"
#include "tests/catch.hpp"
#include "tests/codec/support.hpp"

using namespace narrows;
using namespace narrows::codec;

namespace {

Plan plan_of(double bound, std::uint8_t tightening, bool planes = false) {
    Plan plan;
    plan.method = Method::interpolation;
    plan.bound = {Bound::Kind::absolute, bound};
    plan.tightening = tightening;
    plan.axes = planes ? 1 : 0;
    plan.low = -20;
    plan.high = 20;
    plan.guard = false;
    return plan;
}

Bytes coded(const Plan& plan, const Shape& shape, const Bytes& values) {
    ChunkReport report;
    const Bytes stored = encode_chunk(plan, Numeric::f32, shape, values, report);
    // Rounding to float leaves no room for a step below.
    REQUIRE((report.method == Method::interpolation || plan.bound.value < 1e-5));
    Bytes decoded(values.size());
    REQUIRE(decode_chunk(stored, Numeric::f32, nullptr, decoded));
    ChunkReport found;
    compare(Numeric::f32, values, decoded, plan.bound, plan.fill, found);
    REQUIRE(found.violations == 0);
    return stored;
}

const Shape odd_shapes[] = {{1},
                            {2},
                            {3},
                            {1000},
                            {1, 17},
                            {33, 1},
                            {2, 2},
                            {5, 33},
                            {33, 65},
                            {3, 5, 17},
                            {17, 3, 2},
                            {1, 33, 34},
                            {9, 17, 31},
                            {2, 3, 5, 17},
                            {5, 4, 3, 33},
                            {3, 2, 3, 2, 17},
                            {2, 3, 1, 2, 3, 5},
                            {2, 2, 2, 2, 2, 3, 3},
                            {2, 1, 2, 3, 2, 1, 2, 5}};

}  // namespace

TEST_CASE("interpolation holds every bound for any extents, with and without holes", "[codec]") {
    for (const Shape& shape : odd_shapes)
        for (const bool holes : {false, true}) {
            Bytes values = codec_test::field(shape);
            auto* const floats = reinterpret_cast<float*>(values.data());
            for (std::size_t i = 0; holes && i < values.size() / 4; ++i)
                if (i % 5 == 2 || i % 40 > 28) floats[i] = i % 3 == 0 ? NAN : -INFINITY;
            INFO(to_string(shape) << (holes ? " with holes" : ""));
            for (const double bound : {1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6})
                for (const std::uint8_t tightening : std::initializer_list<std::uint8_t>{0, 1, 2})
                    for (const bool planes : {false, true})
                        coded(plan_of(bound, tightening, planes), shape, values);
        }
}

TEST_CASE("interpolation takes the fewest bytes of a smooth field at loose bounds", "[codec]") {
    const Shape shape{24, 60, 90};
    const codec::Input input =
        codec_test::input_of("/x", Numeric::f32, shape, codec_test::field(shape));
    for (const double bound : {1e-1, 1e-2}) {
        Plan plan = plan_of(bound, 0);
        plan.method = Method::packed;
        const Choice choice = choose({Numeric::f32, shape, 24, input.read}, plan, 1, SerialLoop{});
        const auto is_ours = [](const Candidate& one) {
            return one.name.starts_with("interpolation");
        };
        CHECK(is_ours(choice.tried[choice.winner]));
        CHECK(choice.plan.method == Method::interpolation);
        double best = 1e300;
        for (const Candidate& one : choice.tried)
            if (is_ours(one)) best = std::min(best, one.bytes);
        for (const Candidate& one : choice.tried) {
            INFO(one.name);
            if (!is_ours(one)) CHECK(best < one.bytes);
        }
    }
}

TEST_CASE("interpolation gives the same bytes at every kernel level", "[codec]") {
    const Shape shape{7, 30, 41};
    const Bytes values = codec_test::field(shape);
    const simd::Level before = simd::kernels().level;
    const Bytes expected = coded(plan_of(1e-3, 1), shape, values);
    for (const char* name : {"portable", "avx2", "avx512", "neon"})
        if (simd::select(*simd::level_from(name)))
            CHECK(coded(plan_of(1e-3, 1), shape, values) == expected);
    simd::select(before);
}
