// What this process may use of the machine.
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

#include "pipeline/flow/cgroup.hpp"
#include "pipeline/flow/machine.hpp"
#include "pipeline/flow/run.hpp"

namespace narrows::flow {

std::size_t usable_threads() {
    std::size_t count = std::max(1u, std::thread::hardware_concurrency());
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = std::max(1, CPU_COUNT(&set));
    const double quota = cgroup_allowance().processors;
    if (quota < static_cast<double>(count))
        count = static_cast<std::size_t>(std::max(1.0, std::ceil(quota)));
    return count;
}

std::uint64_t usable_memory() {
    const auto pages = static_cast<double>(std::max(1L, sysconf(_SC_PHYS_PAGES)));
    const double installed = pages * static_cast<double>(sysconf(_SC_PAGESIZE));
    return static_cast<std::uint64_t>(std::min(installed, cgroup_allowance().bytes));
}

std::uint64_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t total = 0, resident = 0;
    if (!(file >> total >> resident)) return 0;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t peak_bytes() {
    rusage usage{};
    return getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<std::uint64_t>(usage.ru_maxrss) * 1024
                                               : 0;
}

}  // namespace narrows::flow
