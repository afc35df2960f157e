// Any data, any bound, any way of coding: what comes back is inside the bound, bit by bit where it
// is not finite, and never larger than the plain ways by more than one percent or 4 KiB.
#include <cmath>

#include "pipeline/codec/chunk.hpp"
#include "pipeline/codec/stream.hpp"
#include "tests/catch.hpp"
#include "tests/codec/support.hpp"

using namespace narrows;
using namespace narrows::codec;
using codec_test::Pattern;

namespace {

constexpr Numeric all_types[] = {Numeric::i8,  Numeric::u8,  Numeric::i16, Numeric::u16,
                                 Numeric::i32, Numeric::u32, Numeric::i64, Numeric::u64,
                                 Numeric::f16, Numeric::f32, Numeric::f64};

const Shape shapes[] = {{257},
                        {31, 9},
                        {7, 6, 5},
                        {3, 4, 5, 6},
                        {2, 3, 2, 5, 4},
                        {2, 1, 3, 2, 3, 4},
                        {2, 2, 1, 2, 3, 2, 5},
                        {1, 2, 2, 2, 2, 2, 2, 3},
                        {1}};

Plan plan_of(Numeric type, const Bytes& values, Bound bound, Method method, std::uint8_t axes) {
    Plan plan;
    plan.method = method;
    plan.axes = axes;
    plan.bound = bound;
    plan.low = std::numeric_limits<double>::max();
    plan.high = -plan.low;
    with_type(type, [&]<class T>() {
        for (std::size_t i = 0; i < values.size() / sizeof(T); ++i) {
            const auto value = static_cast<double>(reinterpret_cast<const T*>(values.data())[i]);
            if (!std::isfinite(value)) continue;
            plan.low = std::min(plan.low, value);
            plan.high = std::max(plan.high, value);
        }
    });
    return plan;
}

void holds(Numeric type, const Shape& shape, const Bytes& values, const Plan& plan) {
    ChunkReport report;
    const Bytes stored = encode_chunk(plan, type, shape, values, report);
    Bytes decoded(values.size() + storage::size_of(type) * 3, std::byte{1});
    REQUIRE(decode_chunk(stored, type, plan.model.get(), decoded));
    ChunkReport found;
    compare(type, values, std::span(decoded).first(values.size()), plan.bound, plan.fill, found);
    REQUIRE(found.violations == 0);
    for (std::size_t i = values.size(); i < decoded.size(); ++i)
        REQUIRE(decoded[i] == std::byte{0});
    Plan plain = plan;
    plain.method = Method::packed;
    ChunkReport ignored;
    REQUIRE(static_cast<double>(stored.size()) <=
            std::max(1.01 * static_cast<double>(
                                encode_chunk(plain, type, shape, values, ignored).size()),
                     4096.0 + static_cast<double>(values.size())));
}

}  // namespace

TEST_CASE("every type, rank, pattern and bound holds in every way of coding", "[codec]") {
    std::uint64_t seed = 1;
    for (const Numeric type : all_types)
        for (const Shape& shape : shapes)
            for (const Pattern pattern : codec_test::all_patterns) {
                const Bytes values = codec_test::make(
                    type, static_cast<std::size_t>(shape.elements()), pattern, ++seed);
                INFO(storage::to_string(type)
                     << " " << to_string(shape) << " pattern " << static_cast<int>(pattern));
                const Plan range = plan_of(type, values, {}, Method::packed, 0);
                double width = range.low <= range.high ? range.high - range.low : 0;
                if (!std::isfinite(width)) width = range.high;
                std::vector<Bound> bounds{{}};
                for (const double relative : {1e-1, 1e-3, 1e-6}) {
                    if (width > 0) bounds.push_back({Bound::Kind::absolute, relative * width});
                    if (type >= Numeric::f32) bounds.push_back({Bound::Kind::pointwise, relative});
                }
                bounds.push_back({Bound::Kind::absolute, 0.5});
                for (const Bound& bound : bounds) {
                    holds(type, shape, values, plan_of(type, values, bound, Method::packed, 0));
                    holds(type, shape, values, plan_of(type, values, bound, Method::grid, 0));
                    for (const std::uint8_t planes : std::initializer_list<std::uint8_t>{0, 1})
                        holds(type, shape, values,
                              plan_of(type, values, bound, Method::interpolation, planes));
                    for (const std::uint8_t axes :
                         std::initializer_list<std::uint8_t>{1, 2, 3, along_rows})
                        holds(type, shape, values,
                              plan_of(type, values, bound, Method::field, axes));
                }
            }
}

TEST_CASE("a bound that is missed by less than a rounding step is a violation", "[codec]") {
    const float original[3] = {1, 2, 3}, decoded[3] = {1, 2.5f, std::nextafter(3.5f, 4.f)};
    ChunkReport report;
    compare(Numeric::f32, std::as_bytes(std::span(original)), std::as_bytes(std::span(decoded)),
            {Bound::Kind::absolute, 0.5}, {}, report);
    CHECK(report.violations == 1);
    CHECK(report.max_error > 0.5);
}

TEST_CASE("fill values come back bit by bit and do not disturb their neighbours", "[codec]") {
    Bytes values = codec_test::make(Numeric::f32, 4096, Pattern::smooth, 4);
    for (std::size_t i = 1000; i < 3000; ++i) {
        const float fill = 1e20f;
        std::memcpy(values.data() + 4 * i, &fill, 4);
    }
    Plan plan = plan_of(Numeric::f32, values, {Bound::Kind::absolute, 1e-3}, Method::field, 2);
    plan.low = 0;
    plan.high = 3;
    plan.fill = static_cast<double>(1e20f);
    plan.guard = false;
    ChunkReport report;
    const Bytes stored = encode_chunk(plan, Numeric::f32, Shape{64, 64}, values, report);
    CHECK(report.method == Method::field);
    CHECK(report.violations == 0);
    CHECK(stored.size() < 3000);  // 2096 smooth values at about 9 bits
    Bytes decoded(values.size());
    REQUIRE(decode_chunk(stored, Numeric::f32, nullptr, decoded));
    CHECK(std::memcmp(decoded.data() + 4000, values.data() + 4000, 8000) == 0);
}

TEST_CASE("a chunk with any bit turned is refused", "[codec]") {
    const Bytes values = codec_test::make(Numeric::f32, 300, Pattern::smooth, 4);
    for (const Method method :
         {Method::packed, Method::grid, Method::field, Method::interpolation}) {
        Plan plan = plan_of(Numeric::f32, values, {Bound::Kind::absolute, 1e-3}, method, 1);
        plan.guard = false;
        ChunkReport report;
        const Bytes stored = encode_chunk(plan, Numeric::f32, Shape{300}, values, report);
        Bytes decoded(values.size());
        for (std::size_t bit = 0; bit < 8 * stored.size(); ++bit) {
            Bytes damaged = stored;
            damaged[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
            REQUIRE(!decode_chunk(damaged, Numeric::f32, nullptr, decoded));
        }
        CHECK(!decode_chunk(stored, Numeric::i32, nullptr, decoded));
        CHECK(!decode_chunk(stored, Numeric::f32, nullptr, std::span(decoded).first(400)));
    }
}
