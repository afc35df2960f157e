#include "pipeline/flow/opening.hpp"

#include <set>

namespace narrows::flow {

Opening::~Opening() = default;

const InputPlan& Opening::input(std::string_view port) const {
    if (const InputPlan* found = node_.input(port)) return *found;
    throw std::logic_error("node type " + node_.spec->type + " has no input " + std::string(port));
}
OutputPlan& Opening::output(std::string_view port) {
    for (OutputPlan& output : node_.outputs)
        if (output.name == port) return output;
    throw std::logic_error("node type " + node_.spec->type + " has no output " + std::string(port));
}

bool Opening::connected(std::string_view port) const {
    if (const InputPlan* found = node_.input(port)) return !found->origins.empty();
    for (const auto& other : plan_.pipeline.nodes)
        for (const auto& connection : other.inputs)
            if (connection.from_node == node_.spec->id && connection.from_port == port) return true;
    return false;
}

Shape Opening::shape(std::string_view port) const {
    const InputPlan& from = input(port);
    if (from.origins.empty()) return {};
    const OutputPlan& feeding = plan_.nodes[from.origins[0].node].outputs[from.origins[0].output];
    if (!feeding.enabled)
        fail("reads \"" + feeding.name + "\" of \"" + plan_.nodes[from.origins[0].node].spec->id +
                 "\", which does not exist here",
             "read another of its outputs");
    return feeding.shape;
}

void Opening::set_shape(std::string_view port, const Shape& shape, Type type) {
    OutputPlan& out = output(port);
    out.shape = shape;
    out.type = type;
    out.has_shape = true;
}

void Opening::stream(std::int64_t samples, std::int64_t batch, std::int64_t validation) {
    if (plan_.samples >= 0 &&
        (plan_.samples != samples || plan_.batch != batch || plan_.validation != validation))
        fail("brings " + std::to_string(samples) + " samples in batches of " +
                 std::to_string(batch) + " but another source brings " +
                 std::to_string(plan_.samples) + " in batches of " + std::to_string(plan_.batch),
             "give all sources as many samples, and one batch size");
    if (samples < 1)
        throw Error(Fault::input, "there are no samples", "check the data and its rows");
    if (plan_.sources == 0) plan_.order_key = node_.key;
    node_.key = plan_.order_key;
    node_.source = plan_.sources++;
    plan_.samples = samples;
    plan_.batch = batch;
    plan_.validation = plan_.training() ? validation : 0;
}

std::uint64_t Opening::total_steps() const {
    return plan_.training()
               ? plan_.steps_per_epoch() * static_cast<std::uint64_t>(plan_.pipeline.run.epochs)
               : 0;
}
std::uint32_t Opening::epochs() const {
    return plan_.training() ? static_cast<std::uint32_t>(plan_.pipeline.run.epochs) : 0;
}

bool Opening::prefer(std::string_view port, std::string_view sibling) {
    for (InputPlan& in : node_.inputs) {
        if (in.name != port || in.origins.empty()) continue;
        NodePlan& from = plan_.nodes[in.origins[0].node];
        for (std::size_t i = 0; i < from.outputs.size(); ++i)
            if (from.outputs[i].name == sibling && from.outputs[i].enabled) {
                in.origins[0].output = i;
                return true;
            }
    }
    return false;
}

bool Opening::peek(std::string_view port, std::span<const std::int64_t> rows, void* values) {
    const InputPlan& from = input(port);
    if (from.origins.empty()) return false;
    NodePlan& origin = plan_.nodes[from.origins[0].node];
    return origin.node->peek(origin.outputs[from.origins[0].output].name, rows, values);
}

void Opening::disable(std::string_view port) {
    output(port).enabled = false;
}

std::size_t Opening::reserve(std::size_t bytes) {
    node_.workspaces.push_back({bytes, 0});
    return node_.workspaces.size() - 1;
}

Model* Opening::downstream_model() const {
    std::set<Model*> bound;
    std::set<std::string_view> reached{node_.spec->id};
    // Nodes stand behind what they read, so one walk in wiring order reaches all.
    for (const NodePlan& node : plan_.nodes) {
        bool reads = node.spec == node_.spec;
        for (const auto& connection : node.spec->inputs)
            if (reached.contains(connection.from_node)) reads = true;
        if (!reads) continue;
        reached.insert(node.spec->id);
        if (node.model) bound.insert(node.model);
    }
    return bound.size() == 1 ? *bound.begin() : nullptr;
}

void Opening::warn(const std::string& text) {
    if (plan_.settings.warn) (*plan_.settings.warn)("node \"" + node_.spec->id + "\": " + text);
}

}  // namespace narrows::flow
