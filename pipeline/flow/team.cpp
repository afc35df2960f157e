#include "pipeline/flow/team.hpp"

#include <new>
#include <thread>
#include <utility>

#include <tbb/task_arena.h>

#include "pipeline/flow/handoff.hpp"

namespace narrows::flow {
namespace {

constexpr std::uint64_t opened = std::uint64_t{1} << 32;
constexpr int patience = 400;  // pauses that a helper waits for the next loop: some microseconds
constexpr int pauses_a_look = 64;  // of a caller that waits for helpers, before others may run

void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

const void* this_thread() {
    static thread_local const char here = 0;
    return &here;
}

}  // namespace

Team::Team(std::size_t threads)
    : threads_(threads),
      shares_(std::make_unique<Share[]>(threads)),
      seats_(std::make_unique<Seat[]>(threads)) {}

bool Team::each(std::size_t tasks, FunctionRef<void(std::size_t)> body) {
    if (busy_.exchange(true, std::memory_order_acquire)) return false;
    body_ = &body;
    for (std::size_t i = 0; i < threads_; ++i) {
        shares_[i].next.store(tasks * i / threads_, std::memory_order_relaxed);
        shares_[i].end = tasks * (i + 1) / threads_;
    }
    caller_.store(this_thread(), std::memory_order_relaxed);
    // Nobody is inside a closed loop.
    const std::uint64_t now = state_.load(std::memory_order_relaxed) + opened;
    state_.store(now, std::memory_order_release);
    call_helpers();
    work(0);
    int looks = 0;
    for (std::uint64_t empty = now;
         !state_.compare_exchange_weak(empty, now + opened, std::memory_order_acq_rel);
         empty = now) {
        if (++looks < pauses_a_look)
            pause();
        else
            std::this_thread::yield();
    }
    std::exception_ptr error;
    if (failed_.load(std::memory_order_relaxed)) {
        error = std::exchange(error_, nullptr);
        failed_.store(false, std::memory_order_relaxed);
    }
    busy_.store(false, std::memory_order_release);
    if (error) std::rethrow_exception(error);
    return true;
}

// Out of memory: the caller works alone.
void Team::call_helpers() {
    for (std::size_t seat = 1; seat < threads_; ++seat) {
        if (seats_[seat].taken.load(std::memory_order_relaxed) ||
            seats_[seat].taken.exchange(true, std::memory_order_acquire))
            continue;
        seats_[seat].team = shared_from_this();
        handed_over(this);
        try {
            tbb::this_task_arena::enqueue(Call{this, seat});
        } catch (const std::bad_alloc&) {
            seats_[seat].team.reset();  // not the last owner: the caller's loop is one
            seats_[seat].taken.store(false, std::memory_order_release);
        }
    }
}

// The caller itself may meet the call later; nobody would open a loop for it then.
void Team::help(std::size_t seat) noexcept {
    taken_over(this);
    const std::shared_ptr<Team> team = std::move(seats_[seat].team);
    if (caller_.load(std::memory_order_relaxed) != this_thread()) {
        std::uint64_t seen = 0;
        for (int left = patience; left > 0; --left) {
            if (!enter(seen)) {
                pause();
                continue;
            }
            work(seat);
            state_.fetch_sub(1, std::memory_order_release);
            left = patience;
        }
    }
    seats_[seat].taken.store(false, std::memory_order_release);
}

// True once for each open loop.
bool Team::enter(std::uint64_t& seen) noexcept {
    std::uint64_t state = state_.load(std::memory_order_acquire);
    while ((state & opened) != 0 && state / opened != seen)
        if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire)) {
            seen = state / opened;
            return true;
        }
    return false;
}

void Team::work(std::size_t share) noexcept {
    for (std::size_t i = 0; i < threads_; ++i) {
        Share& from = shares_[(share + i) % threads_];
        for (;;) {
            if (from.next.load(std::memory_order_relaxed) >= from.end) break;
            const std::size_t task = from.next.fetch_add(1, std::memory_order_relaxed);
            if (task >= from.end) break;
            if (failed_.load(std::memory_order_relaxed)) continue;
            try {
                (*body_)(task);
            } catch (...) {
                static_assert(std::atomic<bool>::is_always_lock_free);
                if (!failed_.exchange(true, std::memory_order_acq_rel))
                    error_ = std::current_exception();
            }
        }
    }
}

}  // namespace narrows::flow
