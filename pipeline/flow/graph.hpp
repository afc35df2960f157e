// The oneTBB flow graph of a plan: the only place that knows its node types. One rule: a packet
// is born with a slot and ends by giving it back; nothing is thrown through the graph.
#pragma once

#include <memory>

#include "pipeline/flow/engine.hpp"

namespace narrows::flow {

class Graph {
public:
    // Call inside the arena that is to run it.
    explicit Graph(Engine& engine);
    ~Graph();
    Graph(const Graph&) = delete;
    Graph& operator=(const Graph&) = delete;
    // Runs what engine.work has to give; returns when all packets have come back.
    void run();

private:
    struct Nodes;
    std::unique_ptr<Nodes> nodes_;
};

}  // namespace narrows::flow
