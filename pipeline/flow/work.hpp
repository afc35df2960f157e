// Which packets there are, one after another. One rule: numbers are gap-free through the run, and a
// packet's place follows from the step alone.
#pragma once

#include "pipeline/flow/plan.hpp"

namespace narrows::flow {

class Work {
public:
    explicit Work(const Plan& plan) : plan_(plan) {}
    // The next packets: of an epoch from its packet `from` on, or of a stream from sample `from`.
    void begin(std::uint32_t epoch, std::int64_t from);
    bool next(Context::Place& place);  // false: no more for now
    bool done() const { return packet_ >= plan_.packets_per_epoch(); }
    std::uint64_t issued() const { return sequence_; }

private:
    const Plan& plan_;
    std::uint64_t sequence_ = 0;
    std::uint32_t epoch_ = 0;
    std::int64_t packet_ = 0;
};

}  // namespace narrows::flow
