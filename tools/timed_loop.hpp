// Work on as many threads as the command was given, timed; with a signal that its body looks for,
// or ended by any at once.
#pragma once

#include <chrono>
#include <optional>

#include "pipeline/flow/loop.hpp"
#include "tools/stop.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {

// Seconds since it was made.
class StopWatch {
public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

struct TimedLoop {
    double seconds = 0;
    std::size_t threads = 1;
};

template <class Body>
TimedLoop timed_loop(const Common& common, const Body& body) {
    TimedLoop done;
    const StopWatch watch;
    flow::with_loop(static_cast<std::size_t>(common.threads), [&](const Loop& loop) {
        done.threads = loop.threads();
        body(loop);
    });
    done.seconds = watch.seconds();
    return done;
}

// For bodies that look at stop_signal(). Nothing: one came, and the body threw because of it.
template <class Body>
std::optional<TimedLoop> stoppable_loop(const Common& common, const Body& body) {
    const StopScope scope;
    try {
        return timed_loop(common, body);
    } catch (const Error&) {
        if (stop_signal() == 0) throw;
        return std::nullopt;
    }
}

}  // namespace narrows::tools
