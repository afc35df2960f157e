// What this process may use of the machine.
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

#include "pipeline/flow/machine.hpp"
#include "pipeline/flow/run.hpp"

namespace narrows::flow {
namespace {

// Processors that a cgroup's quota is worth, or infinity.
double quota_of(const std::string& folder) {
    constexpr double none = std::numeric_limits<double>::infinity();
    std::string quota;
    double period = 0;
    if (std::ifstream v2(folder + "/cpu.max"); v2 >> quota >> period)
        return quota == "max" || period <= 0 ? none : std::stod(quota) / period;
    double allowed = 0;
    if (std::ifstream v1(folder + "/cpu.cfs_quota_us"); v1 >> allowed && allowed > 0)
        if (std::ifstream of(folder + "/cpu.cfs_period_us"); of >> period && period > 0)
            return allowed / period;
    return none;
}

// The quota of this process's cgroup and of those around it: the smallest counts.
double cgroup_quota() {
    double smallest = std::min(quota_of("/sys/fs/cgroup"), quota_of("/sys/fs/cgroup/cpu"));
    std::ifstream groups("/proc/self/cgroup");
    for (std::string line; std::getline(groups, line);) {
        const std::size_t colon = line.rfind(':');
        if (colon == std::string::npos) continue;
        const std::string base = line.starts_with("0::") ? "/sys/fs/cgroup" : "/sys/fs/cgroup/cpu";
        for (std::string path = line.substr(colon + 1); path.size() > 1;
             path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/')))
            smallest = std::min(smallest, quota_of(base + path));
    }
    return smallest;
}

}  // namespace

std::size_t usable_threads() {
    std::size_t count = std::max(1u, std::thread::hardware_concurrency());
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        count = std::max(1, CPU_COUNT(&set));
    const double quota = cgroup_quota();
    if (quota < static_cast<double>(count))
        count = static_cast<std::size_t>(std::max(1.0, std::ceil(quota)));
    return count;
}

std::uint64_t resident_bytes() {
    std::ifstream file("/proc/self/statm");
    std::uint64_t total = 0, resident = 0;
    if (!(file >> total >> resident)) return 0;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t peak_bytes() {
    rusage usage{};
    return getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<std::uint64_t>(usage.ru_maxrss) * 1024 : 0;
}

}  // namespace narrows::flow
