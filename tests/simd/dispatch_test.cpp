#include <cstddef>

#include "tests/simd/support.hpp"

using namespace narrows;
using namespace narrows::test;

TEST_CASE("forcing a level works and names are read", "[dispatch]") {
    const Level best = simd::kernels().level;
    CHECK(best == simd::available().back());

    for (Level level : simd::available()) {
        REQUIRE(simd::select(level));
        CHECK(simd::kernels().level == level);
        CHECK(&simd::kernels() == simd::table(level));
        CHECK(simd::level_from(simd::kernels().name) == level);
    }
    REQUIRE(simd::select(best));
    CHECK_FALSE(simd::level_from("sse9").has_value());
}

TEST_CASE("a level that this machine has not is refused", "[dispatch]") {
    const Level in_use = simd::kernels().level;
    for (Level level : {Level::portable, Level::avx2, Level::avx512, Level::neon}) {
        if (simd::table(level)) continue;
        CHECK_FALSE(simd::select(level));
        CHECK(simd::kernels().level == in_use);
    }
}

TEST_CASE("every function of every table is there", "[dispatch]") {
    // Level and name, then nothing but functions.
    constexpr std::size_t first = offsetof(Kernels, product), bytes = sizeof(void (*)());
    static_assert((sizeof(Kernels) - first) % bytes == 0);
    each_level([&](const Kernels& k) {
        for (std::size_t at = first; at < sizeof k; at += bytes) {
            void (*function)() = nullptr;
            std::memcpy(&function, reinterpret_cast<const std::byte*>(&k) + at, bytes);
            INFO(k.name << ", function " << (at - first) / bytes);
            CHECK(function != nullptr);
        }
        CHECK(k.peak(10) > 0);
    });
}
