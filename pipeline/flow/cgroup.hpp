// What the control groups of this process allow, version 2 or 1: its own group and all around it.
#pragma once

#include <filesystem>

namespace narrows::flow {

struct Allowance {
    double processors;  // infinity: no quota
    double bytes;       // infinity: no limit
};
// `groups` is /proc/self/cgroup's text; `root` where the hierarchies are mounted.
Allowance cgroup_allowance(const std::filesystem::path& groups = "/proc/self/cgroup",
                           const std::filesystem::path& root = "/sys/fs/cgroup");

}  // namespace narrows::flow
