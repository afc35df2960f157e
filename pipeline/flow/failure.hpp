// The failure that a run reports. One rule: the lowest packet number wins, then the lowest node in
// wiring order, so that the message is the same on every run.
#pragma once

#include <atomic>
#include <exception>
#include <mutex>

#include "pipeline/flow/packet.hpp"

namespace narrows::flow {

class Failure {
public:
    // Packets with higher numbers need not run any more.
    bool outruns(std::uint64_t sequence) const {
        return sequence > lowest_.load(std::memory_order_relaxed);
    }
    bool any() const { return lowest_.load() != none; }
    void note(const Context::Place& place, std::size_t node, std::exception_ptr error);
    // Throws what was noted, with packet, samples and epoch.
    [[noreturn]] void rethrow(const Plan& plan) const;

private:
    static constexpr std::uint64_t none = static_cast<std::uint64_t>(-1);
    std::atomic<std::uint64_t> lowest_{none};
    mutable std::mutex mutex_;
    Context::Place place_;
    std::size_t node_ = 0;
    std::exception_ptr error_;
};

}  // namespace narrows::flow
