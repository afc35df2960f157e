// Loops for tests: results must not depend on which thread runs a task, nor on the order.
#pragma once

#include <thread>
#include <vector>

#include "pipeline/node.hpp"

namespace narrows::test {

// Tasks on `threads` threads at once, each thread's share with the last first.
class ThreadLoop final : public Loop {
public:
    explicit ThreadLoop(std::size_t threads) : threads_(threads) {}
    std::size_t threads() const noexcept override { return threads_; }
    void each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const override {
        std::vector<std::thread> pool;
        for (std::size_t t = 0; t < threads_; ++t)
            pool.emplace_back([&, t] {
                for (std::size_t i = t; i < tasks; i += threads_) body(tasks - 1 - i);
            });
        for (std::thread& thread : pool) thread.join();
    }

private:
    std::size_t threads_;
};

// Says that it has three threads and runs the tasks backwards on the caller's.
class BackwardLoop final : public Loop {
public:
    std::size_t threads() const noexcept override { return 3; }
    void each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const override {
        for (std::size_t task = tasks; task-- > 0;) body(task);
    }
};

}  // namespace narrows::test
