// Work on as many threads as the command was given, timed, that a signal may end.
#pragma once

#include <chrono>
#include <optional>

#include "pipeline/flow/loop.hpp"
#include "tools/stop.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {

struct TimedLoop {
    double seconds = 0;
    std::size_t threads = 1;
};

// Nothing: a signal came, and the body threw because of it.
template <class Body>
std::optional<TimedLoop> timed_loop(const Common& common, const Body& body) {
    const StopScope scope;
    TimedLoop done;
    const auto start = std::chrono::steady_clock::now();
    try {
        flow::with_loop(static_cast<std::size_t>(common.threads), [&](const Loop& loop) {
            done.threads = loop.threads();
            body(loop);
        });
    } catch (const Error&) {
        if (stop_signal() == 0) throw;
        return std::nullopt;
    }
    done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return done;
}

}  // namespace narrows::tools
