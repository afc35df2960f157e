#include "pipeline/flow/engine.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/flow/machine.hpp"
#include "pipeline/flow/packet_context.hpp"

namespace narrows::flow {
namespace {

constexpr auto between_reports = std::chrono::milliseconds(100);

}  // namespace

Engine::Engine(const Plan& plan_)
    : plan(plan_),
      gated(plan_.gated_bytes),
      parallel(plan_.threads),
      statistics(plan_.nodes.size()),
      metrics(plan_),
      work(plan_),
      skip_below(plan_.nodes.size(), 0),
      start_(std::chrono::steady_clock::now()) {
    const auto total = static_cast<std::size_t>(plan.in_flight);
    for (std::size_t i = 0; i < total; ++i)
        packets.push_back(std::make_unique<Packet>(plan, gated.data()));
}

double Engine::seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

bool Engine::next(Context::Place& place) {
    if (stop_requested()) stopping_ = true;
    if (stopping_ || failure.any()) return false;
    return work.next(place);
}

void Engine::begin(Packet& packet, const Context::Place& place) {
    ++begun;
    packet.begin(plan, place);
}

// Packets are the parallelism of a stream; behind the weights there is one, so its loops are.
const Loop& Engine::loop_of(const NodePlan& node) const {
    const bool packets_run_beside =
        plan.training() ? node.stage == Stage::ahead : node.type->threads == Threads::parallel;
    if (packets_run_beside && plan.in_flight > 1) return serial;
    return parallel;
}

template <class Body>
void Engine::guarded(std::size_t index, Packet& packet, Body body) {
    const NodePlan& node = plan.nodes[index];
    PacketContext context(plan, index, packet, loop_of(node), progress, stopping_);
    const Statistics::Timer timer(statistics, index);
    try {
        body(*node.node, context);
    } catch (...) {
        failure.note(packet.place, index, std::current_exception());
        packet.skipped[index] = 1;
    }
}

void Engine::process(std::size_t index, Packet& packet) {
    const NodePlan& node = plan.nodes[index];
    for (const std::size_t before : node.before)
        if (packet.skipped[before]) packet.skipped[index] = 1;
    if (packet.skipped[index] || skips(packet)) return;
    if (node.stage == Stage::after && packet.place.phase != Phase::training) return;
    // A sink that kept these samples from an earlier run.
    if (static_cast<std::uint64_t>(packet.place.first + packet.place.count) <= skip_below[index])
        return;
    guarded(index, packet, [](Node& own, Context& context) { own.process(context); });
    statistics.packet(index, packet.place.count);
}

// The first node, in wiring order, with values that are not finite, as far as it can tell.
std::string Engine::where_not_finite(Packet& packet) {
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        const NodePlan& node = plan.nodes[i];
        if (node.stage != Stage::ahead && node.stage != Stage::forward) continue;
        PacketContext context(plan, i, packet, loop_of(node), progress, stopping_);
        const std::string of_node = "; node \"" + node.spec->id + "\": ";
        if (auto* finds = dynamic_cast<FindsNotFinite*>(node.node.get()))
            if (const std::string where = finds->first_not_finite(context); !where.empty())
                return of_node + where;
        for (const OutputPlan& output : node.outputs) {
            if (output.carry != Carry::tensor || output.type != Type::f32 ||
                output.offset == nowhere)
                continue;
            const Tensor<float> values = context.out(output.name);
            const auto count = static_cast<std::size_t>(values.shape.elements());
            if (!std::all_of(values.data, values.data + count,
                             [](float value) { return std::isfinite(value); }))
                return of_node + output.name + " is not finite";
        }
    }
    return {};
}

// Sources whose orders differ (only some of them are in memory, say) would pair what does not
// belong together.
bool Engine::same_rows(Packet& packet) {
    const auto rows = packet.sample_ids(plan);
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
        const NodePlan& node = plan.nodes[i];
        if (node.source == 0) continue;
        const auto own = packet.sample_ids(plan, node.source);
        if (std::equal(rows.begin(), rows.end(), own.begin())) continue;
        packet.dropped = true;
        failure.note(
            packet.place, i,
            std::make_exception_ptr(
                Error(Fault::usage, "its rows come in another order than those of the first source",
                      "give both sources files of one form and the same settings, or do not "
                      "shuffle them",
                      node.spec->position)));
        return false;
    }
    return true;
}

void Engine::check_loss(Packet& packet) {
    for (const std::uint8_t skipped : packet.skipped)
        if (skipped) packet.dropped = true;
    if (skips(packet) || packet.place.phase != Phase::training) return;
    if (!same_rows(packet)) return;
    for (std::size_t i = 0; i < plan.nodes.size(); ++i)
        for (const OutputPlan& output : plan.nodes[i].outputs) {
            if (!output.seed || std::isfinite(packet.scalars[output.scalar])) continue;
            packet.dropped = true;
            const char* found = std::isnan(packet.scalars[output.scalar]) ? "nan" : "infinite";
            failure.note(
                packet.place, i,
                std::make_exception_ptr(
                    Error(Fault::run,
                          "the loss is " + std::string(found) + " at step " +
                              std::to_string(packet.place.step) + where_not_finite(packet),
                          "lower the learning rate, set clip on the optimiser, or check the data "
                          "with narrows check")));
            return;
        }
}

void Engine::backward(std::size_t index, Packet& packet) {
    if (skips(packet) || packet.place.phase != Phase::training) return;
    guarded(index, packet, [](Node& own, Context& context) { own.backward(context); });
    if (packet.skipped[index]) packet.dropped = true;
}

void Engine::update(std::size_t index, Packet& packet) {
    if (skips(packet) || packet.place.phase != Phase::training) return;
    guarded(index, packet, [](Node& own, Context& context) { own.process(context); });
    if (packet.skipped[index]) packet.dropped = true;
    statistics.packet(index, packet.place.count);
}

void Engine::updated(Packet& packet) {
    if (skips(packet)) return;
    metrics.add(packet, loss_of(plan, packet));
    for (auto& list : packet.metrics) list.clear();
    if (packet.place.phase == Phase::training) {
        progress.step = packet.place.step + 1;
        progress.samples_seen += static_cast<std::uint64_t>(packet.place.count);
        // Not of validation: a run that stops there begins it again.
        progress.partial = metrics.partial();
    }
}

void Engine::retire(Packet& packet) {
    ++retired;
    if (!failure.outruns(packet.place.sequence)) {
        metrics.add(packet, std::nullopt);
        if (packet.place.phase != Phase::validation)
            samples_done += static_cast<std::uint64_t>(packet.place.count);
        if (packet.place.phase == Phase::streaming)
            progress.samples_seen =
                static_cast<std::uint64_t>(packet.place.first + packet.place.count);
    }
    if (plan.settings.progress == nullptr) return;
    const auto now = std::chrono::steady_clock::now();
    if (now - reported_ < between_reports) return;
    reported_ = now;
    report();
}

void Engine::report(bool epoch_finished, std::map<std::string, double> row) {
    if (plan.settings.progress == nullptr) return;
    Report out;
    const auto epochs = !plan.training()   ? 1u
                        : plan.part.epochs ? plan.part.epochs
                                           : static_cast<std::uint32_t>(plan.pipeline.run.epochs);
    out.samples_done = samples_done;
    out.samples_total = static_cast<std::uint64_t>(plan.samples) * epochs;
    out.epochs = plan.training() ? epochs : 0;
    out.epoch =
        plan.training() ? plan.part.epochs_before + progress.epoch + (epoch_finished ? 0 : 1) : 0;
    if (const double loss = metrics.mean("loss"); !std::isnan(loss)) loss_ = loss;
    out.loss = loss_;  // of the epoch before, until this one has any
    out.seconds = seconds();
    out.memory_bound = plan.memory_bound;
    out.resident_bytes = resident_bytes();
    out.in_flight = begun.load() - retired;
    out.slots = packets.size();
    out.epoch_finished = epoch_finished;
    out.metrics = std::move(row);
    (*plan.settings.progress)(out);
}

}  // namespace narrows::flow
