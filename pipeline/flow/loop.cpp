#include "pipeline/flow/loop.hpp"

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include "pipeline/flow/handoff.hpp"
#include "pipeline/flow/run.hpp"

namespace narrows::flow {

ParallelLoop::ParallelLoop(std::size_t threads)
    : threads_(threads), team_(std::make_shared<Team>(threads)) {}
ParallelLoop::~ParallelLoop() = default;

// The static partitioner gives a task number to the same thread again and again.
void ParallelLoop::each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const {
    if (threads_ <= 1 || tasks <= 1) {
        for (std::size_t task = 0; task < tasks; ++task) body(task);
        return;
    }
    if (team_->each(tasks, body)) return;
    const char call = 0;
    handed_over(&call);
    tbb::this_task_arena::isolate([&] {
        tbb::parallel_for(
            std::size_t{0}, tasks,
            [&](std::size_t task) {
                taken_over(&call);
                body(task);
                handed_over(&call);
            },
            tbb::static_partitioner());
    });
    taken_over(&call);
}

void with_loop(std::size_t threads, FunctionRef<void(const Loop&)> body) {
    const std::size_t count = threads > 0 ? threads : usable_threads();
    const tbb::global_control control(tbb::global_control::max_allowed_parallelism, count);
    tbb::task_arena arena(static_cast<int>(count));
    arena.execute([&] { body(ParallelLoop(count)); });
}

const Loop& loop_of_process(std::size_t threads) {
    static const ParallelLoop loop(threads > 0 ? threads : usable_threads());
    static const tbb::global_control control(tbb::global_control::max_allowed_parallelism,
                                             loop.threads());
    return loop;
}

}  // namespace narrows::flow
