// A packet: one batch on its way, with the memory that it carries. One rule: packets are made once
// and come back to be used again; their number is the memory bound.
#pragma once

#include <atomic>
#include <cstdlib>
#include <memory>

#include "pipeline/flow/plan.hpp"

namespace narrows::flow {

// Zeroed bytes at a 64-byte boundary.
class Memory {
public:
    explicit Memory(std::size_t bytes);
    std::byte* data() const { return bytes_.get(); }

private:
    struct Free {
        void operator()(std::byte* memory) const { std::free(memory); }
    };
    std::unique_ptr<std::byte, Free> bytes_;
};

struct Metric {
    std::string name;
    double sum, weight;
};

struct Packet {
    Packet(const Plan& plan, std::byte* gated);
    void begin(const Plan& plan, const Context::Place& at);  // forgets what it was

    Context::Place place;
    bool dropped = false;               // a node dropped it, or failed on it
    std::vector<std::uint8_t> skipped;  // per node: dropped or failed here, or before
    Memory own;
    std::byte* gated;  // shared: only the packet that holds the weights uses it
    // Of each source; those of the first are the samples' own.
    std::span<std::int64_t> sample_ids(const Plan& plan, std::size_t source = 0) const;
    std::vector<double> scalars;
    std::vector<std::uint8_t> gradient_written;             // per gradient_flag
    std::vector<std::vector<Metric>> metrics;               // per node
    std::unique_ptr<std::atomic<std::uint32_t>[]> waiting;  // per node: inputs not there yet
    std::atomic<std::uint32_t> open_ends{0};  // nodes of the running stage that are not done
};

}  // namespace narrows::flow
