// Runs a checked pipeline as a oneTBB flow graph: the streaming topology, or the training topology
// with one weights token. Knows no node type by name. One rule: what is printed as the memory bound
// at the start is never exceeded, and the result never depends on threads, prefetch or timing.
#pragma once

#include <atomic>
#include <map>

#include "pipeline/language/pipeline.hpp"
#include "pipeline/registry/registry.hpp"

namespace narrows::flow {

// What changes how a run goes, never what it gives.
struct Settings {
    std::size_t threads = 0;   // 0: what the process may use (affinity, cgroup quota)
    std::uint64_t memory = 0;  // bytes to stay below; 0: what the process may use (cgroup limit)
    bool resume = false;
    bool no_clobber = false;
    bool only_check = false;                 // open everything, run nothing
    const std::atomic<int>* stop = nullptr;  // non-zero: finish what is in flight, stop cleanly
    FunctionRef<void(const struct Report&)>* progress = nullptr;  // called at most ~10x a second
    FunctionRef<void(const std::string&)>* warn = nullptr;
};

// For progress bars.
struct Report {
    std::uint64_t samples_done = 0, samples_total = 0;  // of the whole run
    std::uint32_t epoch = 0, epochs = 0;                // train: 1-based
    double loss = 0;                                    // running mean of the epoch
    double seconds = 0;
    std::uint64_t memory_bound = 0;          // bytes; the first report
    std::uint64_t resident_bytes = 0;        // now
    std::uint64_t in_flight = 0, slots = 0;  // packets between source and end, and at most
    bool epoch_finished = false;             // `metrics` hold the epoch's row
    std::map<std::string, double> metrics;
};

// A node does not take the shape of what it reads, or another input's: what() names the outputs
// that bring it, `ends` where they are made.
class NARROWS_PUBLIC MisfitError : public Error {
public:
    struct End {
        std::string name;  // "data.x", or a model's
        Position position;
    };
    MisfitError(const Error& error, const std::string& text, std::vector<End> ends_)
        : Error(error.fault(), text, error.hint(), error.position()), ends(std::move(ends_)) {}
    ~MisfitError() override;
    std::vector<End> ends;
};

struct NodeStatistics {
    std::string id, type;
    std::uint64_t packets = 0, samples = 0;
    double seconds = 0;        // in process() and backward(), wall clock
    double waiting_share = 0;  // part of the run in which the node was idle
};

struct Result {
    std::uint64_t samples = 0, steps = 0;
    std::uint32_t epochs = 0;
    double seconds = 0;
    std::size_t threads = 1;
    std::uint64_t memory_bound = 0;
    bool stopped = false;  // by Settings::stop
    bool already_complete = false;
    std::map<std::string, double> numbers;  // metrics of the whole stream, or of the last epoch
    std::map<std::string, std::string> texts;
    std::map<std::string, std::vector<double>> vectors;
    std::vector<std::string> history_names;
    std::vector<std::vector<double>> history;
    std::vector<NodeStatistics> nodes;
};

// One edge of the opened pipeline, for drawings.
struct Edge {
    std::string from_node, from_port, to_node, to_port;
    std::string type;  // "f32[256, 784]"
};
struct Drawing {
    struct Box {
        std::string id, type, model;
    };
    std::vector<Box> nodes;  // wiring order
    std::vector<Edge> edges;
    std::uint64_t memory_bound = 0;
    std::map<std::string, std::string> models;  // name -> Model::describe()
};

// Opens every node and says what would run. Errors carry the node's position (Fault::usage, input).
NARROWS_PUBLIC Drawing inspect(const language::Pipeline& pipeline,
                               const registry::Registry& registry, const Settings& settings = {});

// Runs to the end, to Settings::stop, or throws: the failure with the lowest packet number, as
// "node "code" failed on packet 37 (samples 9472-9727, epoch 0): ..." with the node's position.
NARROWS_PUBLIC Result run(const language::Pipeline& pipeline, const registry::Registry& registry,
                          const Settings& settings = {});

// Threads that this process may use: affinity and cgroup quota.
NARROWS_PUBLIC std::size_t usable_threads();

}  // namespace narrows::flow
