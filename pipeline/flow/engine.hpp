// What happens to a packet in each of the graph's bodies. Knows no oneTBB type; graph.cpp says
// when.
#pragma once

#include <chrono>
#include <functional>
#include <limits>

#include "pipeline/flow/failure.hpp"
#include "pipeline/flow/loop.hpp"
#include "pipeline/flow/metrics.hpp"
#include "pipeline/flow/packet.hpp"
#include "pipeline/flow/statistics.hpp"
#include "pipeline/flow/work.hpp"

namespace narrows::flow {

class Engine {
public:
    explicit Engine(const Plan& plan);

    bool next(Context::Place& place);  // the source's body: stops on failure and signals
    void begin(Packet& packet, const Context::Place& place);
    void process(std::size_t node, Packet& packet);
    void check_loss(Packet& packet);  // before the gradients' way back
    void backward(std::size_t node, Packet& packet);
    void update(std::size_t node, Packet& packet);
    void updated(Packet& packet);  // progress and metrics are those after the update
    void retire(Packet& packet);

    bool stop_requested() const {
        return plan.settings.stop != nullptr && plan.settings.stop->load() != 0;
    }
    void report(bool epoch_finished = false, std::map<std::string, double> metrics = {});
    double seconds() const;

    const Plan& plan;
    Memory gated;
    std::vector<std::unique_ptr<Packet>> packets;
    ParallelLoop parallel;
    SerialLoop serial;
    Statistics statistics;
    Metrics metrics;
    Failure failure;
    Work work;
    Progress progress;
    std::vector<std::uint64_t> skip_below;  // per node: samples that it has from an earlier run
    std::atomic<std::uint64_t> begun{0};    // packets
    std::uint64_t retired = 0;
    std::uint64_t samples_done = 0;

private:
    bool skips(const Packet& packet) const {
        return packet.dropped || failure.outruns(packet.place.sequence);
    }
    bool same_rows(Packet& packet);
    std::string where_not_finite(Packet& packet);
    const Loop& loop_of(const NodePlan& node) const;
    template <class Body>
    void guarded(std::size_t node, Packet& packet, Body body);

    std::atomic<bool> stopping_{false};
    std::chrono::steady_clock::time_point start_, reported_;
    double loss_ = std::numeric_limits<double>::quiet_NaN();  // last one that was reported
};

}  // namespace narrows::flow
