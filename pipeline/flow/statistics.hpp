// Time and packets of each node, counted from any thread.
#pragma once

#include <atomic>
#include <chrono>

#include "pipeline/flow/plan.hpp"

namespace narrows::flow {

class Statistics {
    struct Count {
        std::atomic<std::uint64_t> packets{0}, samples{0}, nanoseconds{0};
    };

public:
    explicit Statistics(std::size_t nodes) : counts_(new Count[nodes]), nodes_(nodes) {}

    class Timer {  // counts its own life
    public:
        Timer(Statistics& statistics, std::size_t node)
            : count_(statistics.counts_[node]), start_(std::chrono::steady_clock::now()) {}
        ~Timer() {
            count_.nanoseconds += static_cast<std::uint64_t>(
                std::chrono::nanoseconds(std::chrono::steady_clock::now() - start_).count());
        }
        Timer(const Timer&) = delete;
        Timer& operator=(const Timer&) = delete;

    private:
        Count& count_;
        std::chrono::steady_clock::time_point start_;
    };
    void packet(std::size_t node, std::int64_t samples) {
        counts_[node].packets += 1;
        counts_[node].samples += static_cast<std::uint64_t>(samples);
    }
    std::vector<NodeStatistics> report(const Plan& plan, double seconds) const;

private:
    std::unique_ptr<Count[]> counts_;
    std::size_t nodes_;
};

}  // namespace narrows::flow
