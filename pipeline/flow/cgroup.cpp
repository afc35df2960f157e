#include "pipeline/flow/cgroup.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace narrows::flow {
namespace {

namespace fs = std::filesystem;
// Folders are text here: in libstdc++ 12, when memory ends within path / name, it frees what it did
// not get.
constexpr double none = std::numeric_limits<double>::infinity();

double number_in(const std::string& file) {  // "max", nothing, or not a number: no limit
    double value = 0;
    std::ifstream in(file);
    return in >> value && value > 0 ? value : none;
}

double processors_in(const std::string& folder) {
    double quota = 0, period = 0;
    if (std::ifstream v2(folder + "/cpu.max"); v2 >> quota >> period)
        return quota > 0 && period > 0 ? quota / period : none;
    const double v1 = number_in(folder + "/cpu.cfs_quota_us");
    return v1 / number_in(folder + "/cpu.cfs_period_us") > 0
               ? v1 / number_in(folder + "/cpu.cfs_period_us")
               : none;
}

double bytes_in(const std::string& folder) {
    const double hard =
        std::min(number_in(folder + "/memory.max"), number_in(folder + "/memory.limit_in_bytes"));
    return std::min(hard, number_in(folder + "/memory.high"));
}

// Calls body(folder) for the group and those around it, up to the hierarchy's root.
template <class Body>
void up(const std::string& hierarchy, std::string path, Body body) {
    for (;;) {
        body(hierarchy + path);
        if (path.size() < 2) return;
        const std::size_t slash = path.rfind('/');
        path.resize(slash == std::string::npos ? 0 : slash);
    }
}

}  // namespace

Allowance cgroup_allowance(const fs::path& groups, const fs::path& hierarchies) {
    const std::string root = hierarchies.string();
    Allowance out{none, none};
    const auto take = [&](const std::string& folder) {
        out.processors = std::min(out.processors, processors_in(folder));
        out.bytes = std::min(out.bytes, bytes_in(folder));
    };
    take(root);  // a container sees its own group as the root
    for (const char* v1 : {"cpu", "memory"}) take(root + "/" + v1);
    std::ifstream in(groups);
    for (std::string line; std::getline(in, line);) {  // "0::/a/b", or "4:cpu,cpuacct:/a/b"
        const std::size_t first = line.find(':'), last = line.find(':', first + 1);
        if (first == std::string::npos || last == std::string::npos) continue;
        const std::string path = line.substr(last + 1);
        if (last == first + 1) {
            up(root, path, take);
            continue;
        }
        const std::string controllers = "," + line.substr(first + 1, last - first - 1) + ",";
        for (const char* v1 : {"cpu", "memory"})
            if (controllers.find("," + std::string(v1) + ",") != std::string::npos)
                up(root + "/" + v1, path, take);
    }
    return out;
}

}  // namespace narrows::flow
