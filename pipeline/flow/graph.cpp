#include "pipeline/flow/graph.hpp"

#include <deque>

#include <tbb/flow_graph.h>

#include "pipeline/flow/handoff.hpp"
#include "pipeline/flow/step_order.hpp"

namespace narrows::flow {
namespace {

namespace tf = tbb::flow;

using Hop = tf::multifunction_node<Packet*, std::tuple<Packet*>>;
using Ports = Hop::output_ports_type;
using Birth = std::tuple<Context::Place, Packet*>;
using Pass = std::tuple<Packet*, int>;

// Bodies put from inside: a serial function_node would lose the order.
void send(Ports& ports, Packet* packet) {
    handed_over(packet);
    std::get<0>(ports).try_put(packet);
}

bool in_order = false;

struct Number {
    std::size_t operator()(Packet* packet) const { return packet->place.sequence; }
};

}  // namespace

// Streaming: numbers + free slots -> born -> nodes -> end -> in order -> retire -> free slots.
// Training: numbers + free slots -> born -> nodes ahead -> end -> in order + weights -> gate ->
// forward nodes -> end -> backward ... -> update ... -> updated -> nodes after -> end -> retire.
struct Graph::Nodes {
    explicit Nodes(Engine& engine_)
        : engine(engine_),
          numbers(graph,
                  [this](tbb::flow_control& control) {
                      taken_over(&numbers);
                      Context::Place place;
                      if (!engine.next(place)) control.stop();
                      handed_over(&numbers);
                      return place;
                  }),
          free(graph),
          births(graph),
          born(graph, tf::serial,
               [this](const Birth& birth, auto& ports) {
                   Packet* packet = std::get<1>(birth);
                   taken_over(packet);
                   engine.begin(*packet, std::get<0>(birth));
                   packet->open_ends = ends[0];
                   send(ports, packet);
               }),
          weights(graph),
          passes(graph) {
        try {
            tf::make_edge(numbers, tf::input_port<0>(births));
            tf::make_edge(free, tf::input_port<1>(births));
            tf::make_edge(births, born);
            for (auto& packet : engine.packets) {
                handed_over(packet.get());
                free.try_put(packet.get());
            }
            build();
        } catch (...) {  // out of memory: tasks on their way must not outlive the nodes
            graph.cancel();
            graph.wait_for_all();
            throw;
        }
        handed_over(&numbers);
    }

    Hop& hop(std::size_t concurrency, std::function<void(Packet&, Ports&)> body) {
        return hops.emplace_back(graph, concurrency,
                                 [this, own = std::move(body)](Packet* packet, Ports& ports) {
                                     taken_over(packet);
                                     own(*packet, ports);
                                     handed_over(this);  // to whoever waits for the graph
                                 });
    }
    static auto& out(Hop& from) { return tf::output_port<0>(from); }

    // Wires the nodes of a stage behind `start`, and returns what follows when all are through.
    template <class Start>
    Hop& stage(Stage which, Start& start) {
        const Plan& plan = engine.plan;
        const auto index = static_cast<std::size_t>(which);
        ends[index] = 0;
        std::vector<tf::receiver<Packet*>*> entry(plan.nodes.size(), nullptr);
        std::vector<Hop*> worker(plan.nodes.size(), nullptr);
        for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
            const NodePlan& node = plan.nodes[i];
            if (node.stage != which) continue;
            const Threads threads = node.type->threads;
            Hop& work =
                hop(threads == Threads::parallel ? tf::unlimited : tf::serial,
                    [this, i, serial = threads != Threads::parallel](Packet& packet, Ports& ports) {
                        if (serial) taken_over(&engine.plan.nodes[i]);
                        engine.process(i, packet);
                        if (serial) handed_over(&engine.plan.nodes[i]);
                        send(ports, &packet);
                    });
            worker[i] = &work;
            entry[i] = &work;
            if (threads == Threads::ordered) {
                auto& order = sequencers.emplace_back(graph, Number{});
                tf::make_edge(order, work);
                entry[i] = &order;
            }
            if (node.previous > 1) {
                Hop& all = hop(tf::unlimited, [i](Packet& packet, Ports& ports) {
                    if (packet.waiting[i].fetch_sub(1) == 1) send(ports, &packet);
                });
                tf::make_edge(out(all), *entry[i]);
                entry[i] = &all;
            }
            if (node.next.empty()) ++ends[index];
        }
        Hop& end = hop(tf::unlimited, [](Packet& packet, Ports& ports) {
            if (packet.open_ends.fetch_sub(1) == 1) send(ports, &packet);
        });
        if (ends[index] == 0) {  // an empty stage
            ends[index] = 1;
            tf::make_edge(start, end);
        }
        for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
            if (plan.nodes[i].stage != which) continue;
            if (plan.nodes[i].previous == 0) tf::make_edge(start, *entry[i]);
            for (const std::size_t next : plan.nodes[i].next)
                tf::make_edge(out(*worker[i]), *entry[next]);
            if (plan.nodes[i].next.empty()) tf::make_edge(out(*worker[i]), end);
        }
        return end;
    }

    void build() {
        Hop& ahead = stage(Stage::ahead, tf::output_port<0>(born));
        auto& order = sequencers.emplace_back(graph, Number{});
        tf::make_edge(out(ahead), order);
        Hop& retire = hop(tf::serial, [this](Packet& packet, Ports& ports) {
            taken_over(&weights);
            engine.retire(packet);
            handed_over(&weights);
            if (engine.plan.training()) weights.try_put(1);
            send(ports, &packet);
        });
        tf::make_edge(out(retire), free);
        if (!engine.plan.training()) {
            tf::make_edge(order, retire);
            return;
        }
        build_step(order, retire);
    }

    // One packet at a time holds the weights.
    void build_step(tf::sequencer_node<Packet*>& order, Hop& retire) {
        const Plan& plan = engine.plan;
        tf::make_edge(order, tf::input_port<0>(passes));
        tf::make_edge(weights, tf::input_port<1>(passes));
        auto& gate = gates.emplace_back(graph, tf::serial, [this](const Pass& pass, auto& ports) {
            Packet* packet = std::get<0>(pass);
            taken_over(packet);
            taken_over(&weights);
            packet->open_ends = ends[static_cast<std::size_t>(Stage::forward)];
            send(ports, packet);
        });
        tf::make_edge(passes, gate);
        Hop* last = nullptr;
        const auto then = [&](std::function<void(Packet&)> body) {
            Hop& next = hop(tf::serial, [own = std::move(body)](Packet& packet, Ports& ports) {
                own(packet);
                send(ports, &packet);
            });
            if (last == nullptr)
                tf::make_edge(tf::output_port<0>(gate), next);
            else
                tf::make_edge(out(*last), next);
            last = &next;
        };
        if (!nodes_in_order()) last = &stage(Stage::forward, tf::output_port<0>(gate));
        for (std::size_t i = 0; nodes_in_order() && i < plan.nodes.size(); ++i)
            if (plan.nodes[i].stage == Stage::forward)
                then([this, i](Packet& packet) { engine.process(i, packet); });
        then([this](Packet& packet) { engine.check_loss(packet); });
        for (std::size_t i = plan.nodes.size(); i-- > 0;)
            if (plan.nodes[i].differentiates)
                then([this, i](Packet& packet) { engine.backward(i, packet); });
        for (std::size_t i = 0; i < plan.nodes.size(); ++i)
            if (plan.nodes[i].stage == Stage::update)
                then([this, i](Packet& packet) { engine.update(i, packet); });
        then([this](Packet& packet) {
            engine.updated(packet);
            packet.open_ends = ends[static_cast<std::size_t>(Stage::after)];
        });
        Hop& after = stage(Stage::after, out(*last));
        tf::make_edge(out(after), retire);
        weights.try_put(1);
    }

    Engine& engine;
    tf::graph graph;
    std::array<std::uint32_t, 4> ends{};  // nodes that end each stage
    tf::input_node<Context::Place> numbers;
    tf::buffer_node<Packet*> free;
    tf::join_node<Birth, tf::reserving> births;
    tf::multifunction_node<Birth, std::tuple<Packet*>> born;
    tf::buffer_node<int> weights;
    tf::join_node<Pass, tf::reserving> passes;
    std::deque<Hop> hops;
    std::deque<tf::sequencer_node<Packet*>> sequencers;
    std::deque<tf::multifunction_node<Pass, std::tuple<Packet*>>> gates;
};

void set_nodes_in_order(bool one_by_one) {
    in_order = one_by_one;
}
bool nodes_in_order() {
    return in_order;
}

Graph::Graph(Engine& engine) : nodes_(std::make_unique<Nodes>(engine)) {}
Graph::~Graph() {
    nodes_->graph.wait_for_all();
}

void Graph::run() {
    handed_over(&nodes_->weights);
    handed_over(&nodes_->numbers);
    nodes_->numbers.activate();
    nodes_->graph.wait_for_all();
    taken_over(&nodes_->numbers);
    taken_over(&nodes_->weights);
    taken_over(nodes_.get());
    const Engine& engine = nodes_->engine;
    if (engine.retired != engine.work.issued())
        throw std::logic_error(std::to_string(engine.work.issued()) + " packets were issued but " +
                               std::to_string(engine.retired) + " came back");
}

}  // namespace narrows::flow
