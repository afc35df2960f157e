#include "pipeline/flow/plan.hpp"

namespace narrows::flow {

MisfitError::~MisfitError() = default;

// Of a complaint that quotes the shape of what the node reads, or of its model: who gives it.
[[noreturn]] void Plan::rethrow_at_open(const NodePlan& node, const Error& error) const {
    const std::string said = error.what();
    const auto quotes = [&](const Shape& shape) {
        return said.find(to_string(shape)) != std::string::npos ||
               said.find(to_string(shape.sample())) != std::string::npos;
    };
    std::string what = "node \"" + node.spec->id + "\": " + said;
    std::vector<MisfitError::End> ends;
    for (const InputPlan& input : node.inputs)
        for (const InputPlan::Origin& origin : input.origins) {
            const NodePlan& from = nodes[origin.node];
            const OutputPlan& output = from.outputs[origin.output];
            if (output.shape.rank() == 0 || !quotes(output.shape)) continue;
            const std::string name = from.spec->id + "." + output.name;
            what += "; " + input.name + " is " + name;
            ends.push_back({name, from.spec->position});
        }
    if (ends.empty()) rethrow_for(*node.spec, error);
    for (const ModelSpec& spec : pipeline.models)
        if (spec.name == node.spec->model)
            ends.push_back({"model \"" + spec.name + "\"", spec.position});
    const Position at = error.position().line ? error.position() : node.spec->position;
    throw MisfitError(Error(error.fault(), said, error.hint(), at), what, std::move(ends));
}

}  // namespace narrows::flow
