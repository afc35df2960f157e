// Ctrl-C and SIGTERM. While a StopScope lives the first signal only raises a flag, so that a run
// can finish its files; the second one, or one outside a scope, ends the process at once.
#pragma once

#include <atomic>

namespace narrows::tools {

void catch_signals();
// Seconds from SIGTERM until the process ends, finished or not (25; schedulers kill after 30).
void set_grace(unsigned seconds);
const std::atomic<int>& stop_signal();  // 0, or the signal that came
int stop_exit_code();                   // 130, 143

class StopScope {
public:
    StopScope();
    ~StopScope();
    StopScope(const StopScope&) = delete;
    StopScope& operator=(const StopScope&) = delete;
};

}  // namespace narrows::tools
