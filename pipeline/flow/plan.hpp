// The opened pipeline: who feeds whom, in which stage a node runs, and where every value of a
// packet lies. One rule: after open() nothing here changes; packets carry all that does.
//
// Stages of a packet when training. `ahead`: nodes that no model feeds, run before the packet holds
// the weights. `forward`: the rest up to the losses. Then the gradients' way back, `update` and
// `after` (what follows an update). When streaming all nodes are `ahead`.
#pragma once

#include <vector>

#include "pipeline/flow/run.hpp"

namespace narrows::flow {

enum class Stage : std::uint8_t { ahead, forward, update, after };
enum class Carry : std::uint8_t { tensor, scalar, event };
inline constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

struct OutputPlan {
    std::string name;
    Carry carry = Carry::tensor;
    Type type = Type::f32;
    Shape shape;  // batch in front
    bool has_shape = false, enabled = true;
    std::size_t offset = nowhere;  // of the values in the stage's memory; nowhere: not wanted
    std::size_t scalar = nowhere;  // index in the packet's scalars
    struct Reader {
        std::size_t node, input;
    };
    std::vector<Reader> readers;  // in wiring order
    bool seed = false;            // a scalar whose gradient is 1: an update reads it
};
struct InputPlan {
    std::string name;
    Carry carry = Carry::tensor;
    struct Origin {
        std::size_t node, output;
    };
    std::vector<Origin> origins;     // one, or several scalars
    std::size_t gradient = nowhere;  // offset in the gated memory of what backward() writes
    std::size_t gradient_flag = nowhere;
};
struct NodePlan {
    const language::NodeSpec* spec = nullptr;
    const registry::TypeInfo* type = nullptr;
    std::unique_ptr<Node> node;
    Model* model = nullptr;
    RandomKey key;
    Stage stage = Stage::ahead;
    std::vector<InputPlan> inputs;
    std::vector<OutputPlan> outputs;
    struct Workspace {
        std::size_t bytes, offset;
    };
    std::vector<Workspace> workspaces;
    std::vector<std::size_t> before;  // nodes that it reads from, each once
    std::vector<std::size_t> next;    // nodes of its own stage that read from it, each once
    std::size_t previous = 0;         // how many nodes of its own stage it waits for
    bool differentiates = false;      // has a backward() to run
    std::size_t source = 0;           // sources: which one; everyone reads the ids of the first

    const InputPlan* input(std::string_view name) const;
    const OutputPlan* output(std::string_view name) const;
};

// Which stage of a run a plan is for. A run without stages is its own only one.
struct Part {
    std::uint32_t index = 0, count = 1;
    std::uint32_t epochs_before = 0, epochs = 0;  // epochs: of the whole run; 0: see the pipeline
    const language::StageSpec* stage = nullptr;
    std::string text;  // resolved text of the whole run
    bool last() const { return index + 1 == count; }
};

class Plan {
public:
    using Models = std::vector<std::pair<std::string, std::shared_ptr<Model>>>;
    // Builds models unless they come from a stage before, makes and opens nodes. Errors carry
    // positions. `pipeline` is that of one stage; see stages.hpp.
    Plan(const language::Pipeline& pipeline, const registry::Registry& registry,
         const Settings& settings, const Part& part = {}, Models models = {});
    ~Plan();
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;

    const language::Pipeline& pipeline;
    const registry::Registry& registry;
    const Settings& settings;
    const Part part;
    std::size_t threads = 1;
    std::int64_t in_flight = 1;
    std::int64_t samples = -1, batch = 0, validation = 0;  // of the stream; -1: no source opened
    std::size_t sources = 0;
    RandomKey order_key;  // of the first source: all go through their rows in one order
    // Of the sample ids of one source in a packet.
    std::size_t ids_bytes() const {
        return (static_cast<std::size_t>(batch) * sizeof(std::int64_t) + 63) / 64 * 64;
    }
    std::vector<NodePlan> nodes;  // wiring order: a node stands behind all that it reads
    Models models;
    std::size_t slot_bytes = 0;   // values of the stage `ahead`, for each packet
    std::size_t gated_bytes = 0;  // values, gradients and workspaces behind the weights: once
    std::size_t scalars = 0, gradient_flags = 0;
    std::uint64_t held_bytes = 0;  // what nodes hold through the run
    std::uint64_t memory_bound = 0;
    std::string text;  // resolved and portable

    bool training() const { return pipeline.run.mode == Mode::train; }
    std::uint64_t steps_per_epoch() const;
    std::int64_t packets_per_epoch() const;  // with those of validation
    Drawing drawing() const;

private:
    void build_models();
    void choose_trained();
    void order_and_make();
    void wire();
    void bind_models();
    void assign_stages();
    void open_nodes();
    [[noreturn]] void rethrow_at_open(const NodePlan& node, const Error& error) const;
    void plan_gradients();
    void place_values();
    void bound_memory();  // memory_bound, with as many packets in flight as the process may use
    std::size_t index_of(std::string_view id) const;
};

// A node's own words, with its id in front and a place in the file.
[[noreturn]] void rethrow_for(const language::NodeSpec& spec, const Error& error,
                              const std::string& when = {});

}  // namespace narrows::flow
