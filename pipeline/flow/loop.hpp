// The loop inside a node: its team's, and where that is in a loop already oneTBB's parallel_for,
// isolated; a waiting thread never starts another packet's body.
#pragma once

#include "pipeline/flow/team.hpp"
#include "pipeline/node.hpp"

namespace narrows::flow {

class ParallelLoop final : public Loop {
public:
    explicit ParallelLoop(std::size_t threads);
    ~ParallelLoop() override;
    std::size_t threads() const noexcept override { return threads_; }
    void each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const override;

private:
    std::size_t threads_;
    std::shared_ptr<Team> team_;
};

// Calls body with a loop that no graph stands around, with so many threads (0: what the process may
// use).
NARROWS_PUBLIC void with_loop(std::size_t threads, FunctionRef<void(const Loop&)> body);

// Holds the process to so many threads (0: what it may use) from now on, and gives a loop over them
// for work outside graphs and inside their bodies. The first call decides.
NARROWS_PUBLIC const Loop& loop_of_process(std::size_t threads);

}  // namespace narrows::flow
