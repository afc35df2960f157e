#include "tools/stop.hpp"

#include <unistd.h>
#include <csignal>

namespace narrows::tools {
namespace {

std::atomic<int> received{0};
std::atomic<int> scopes{0};
std::atomic<unsigned> grace{25};
static_assert(std::atomic<int>::is_always_lock_free);  // else not allowed in a signal handler

extern "C" void on_signal(int number) {
    if (scopes.load() == 0 || received.load() != 0) _exit(128 + number);
    received.store(number);
    if (number == SIGTERM) alarm(grace.load());  // whoever sent it kills before long
}

// Out of time: outputs under their names are whole, the others resume or are cleared away later.
extern "C" void on_alarm(int) {
    _exit(128 + received.load());
}

}  // namespace

void catch_signals() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, nullptr);
    std::signal(SIGPIPE, SIG_DFL);  // `narrows nodes | head` ends quietly
}

void set_grace(unsigned seconds) {
    grace.store(seconds);
}
const std::atomic<int>& stop_signal() {
    return received;
}
int stop_exit_code() {
    return 128 + received.load();
}

StopScope::StopScope() {
    ++scopes;
}
StopScope::~StopScope() {
    --scopes;
}

}  // namespace narrows::tools
