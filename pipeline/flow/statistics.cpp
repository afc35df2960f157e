#include "pipeline/flow/statistics.hpp"

#include <algorithm>

namespace narrows::flow {

std::vector<NodeStatistics> Statistics::report(const Plan& plan, double seconds) const {
    std::vector<NodeStatistics> out;
    for (std::size_t i = 0; i < nodes_; ++i) {
        const double busy = static_cast<double>(counts_[i].nanoseconds.load()) * 1e-9;
        const double share = seconds > 0 ? std::clamp(1 - busy / seconds, 0.0, 1.0) : 0;
        out.push_back({plan.nodes[i].spec->id, plan.nodes[i].spec->type, counts_[i].packets.load(),
                       counts_[i].samples.load(), busy, share});
    }
    return out;
}

}  // namespace narrows::flow
