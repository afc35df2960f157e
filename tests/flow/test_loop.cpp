// The loop inside a node: every task once, whoever takes it, and what is thrown reaches the caller.
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "pipeline/flow/loop.hpp"
#include "tests/catch.hpp"

using namespace narrows;

TEST_CASE("a loop does each task once, and is through when it returns", "[loop]") {
    for (const std::size_t threads : {1, 2, 5, 8})
        flow::with_loop(threads, [&](const Loop& loop) {
            CHECK(loop.threads() == threads);
            std::vector<int> times;  // plain: the loop's end is what orders it
            for (std::size_t round = 0; round < 3000; ++round) {
                const std::size_t tasks = round % 37;
                times.assign(tasks, 0);
                loop.each(tasks, [&](std::size_t task) { ++times[task]; });
                REQUIRE(times == std::vector<int>(tasks, 1));
            }
        });
}

TEST_CASE("loops within loops, and from several threads, do not wait for each other", "[loop]") {
    flow::with_loop(3, [&](const Loop& loop) {
        std::atomic<int> inner{0};
        loop.each(20, [&](std::size_t) { loop.each(10, [&](std::size_t) { ++inner; }); });
        CHECK(inner == 200);
        std::vector<std::thread> others;
        std::atomic<int> sum{0};
        for (int other = 0; other < 3; ++other)
            others.emplace_back([&] {
                for (int round = 0; round < 300; ++round) loop.each(7, [&](std::size_t) { ++sum; });
            });
        for (std::thread& other : others) other.join();
        CHECK(sum == 3 * 300 * 7);
    });
}

TEST_CASE("what a task throws reaches the caller, and the next loop is whole", "[loop]") {
    flow::with_loop(4, [&](const Loop& loop) {
        for (std::size_t round = 0; round < 200; ++round) {
            std::atomic<std::size_t> done{0};
            CHECK_THROWS_AS(loop.each(50,
                                      [&](std::size_t task) {
                                          if (task == round % 50) throw std::range_error("here");
                                          ++done;
                                      }),
                            std::range_error);
            CHECK(done < 50);
            done = 0;
            loop.each(50, [&](std::size_t) { ++done; });
            CHECK(done == 50);
        }
    });
}
