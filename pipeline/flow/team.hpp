// Threads that meet in one loop after another. A loop inside a training step lasts microseconds,
// and there are a dozen of them in a step: whoever helped with one stays a moment for the next,
// which costs a cache line's way between two cores instead of a task's. The caller never needs help
// to finish: what nobody else took, it does itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>

#include "pipeline/values.hpp"

namespace narrows::flow {

class Team : public std::enable_shared_from_this<Team> {
public:
    explicit Team(std::size_t threads);

    // Calls body for each task number below `tasks`, and returns when all are done: each thread
    // takes the tasks of its own share in order, then what is left of the others'. False, and
    // nothing was done, if the team is in another loop. Throws what body threw first; the tasks not
    // begun by then are left out.
    bool each(std::size_t tasks, FunctionRef<void(std::size_t)> body);

private:
    struct alignas(64) Share {
        std::atomic<std::size_t> next{0};
        std::size_t end = 0;
    };
    struct alignas(64) Seat {  // of a helper: taken from when it is called until it leaves
        std::atomic<bool> taken{false};
        std::shared_ptr<Team> team;  // lives until then
    };
    struct Call {
        Team* team;
        std::size_t seat;
        void operator()() const { team->help(seat); }
    };

    void call_helpers();
    void help(std::size_t seat) noexcept;
    bool enter(std::uint64_t& seen) noexcept;
    void work(std::size_t share) noexcept;

    const std::size_t threads_;
    std::atomic<bool> busy_{false};
    std::atomic<const void*> caller_{nullptr};
    // How many helpers are inside, whether a loop is open, and which: below `opened`, `opened`,
    // above.
    alignas(64) std::atomic<std::uint64_t> state_{0};
    alignas(64) FunctionRef<void(std::size_t)>* body_ = nullptr;
    std::atomic<bool> failed_{false};
    std::exception_ptr error_;
    std::unique_ptr<Share[]> shares_;
    std::unique_ptr<Seat[]> seats_;
};

}  // namespace narrows::flow
