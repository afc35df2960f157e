#include "pipeline/flow/run_context.hpp"

namespace narrows::flow {

NodeRunContext::~NodeRunContext() = default;

Shape NodeRunContext::shape(std::string_view port) const {
    if (const InputPlan* in = node_.input(port)) {
        if (in->origins.empty()) return {};
        return plan_.nodes[in->origins[0].node].outputs[in->origins[0].output].shape;
    }
    const OutputPlan* out = node_.output(port);
    return out ? out->shape : Shape{};
}
void NodeRunContext::result(std::string_view name, double value) {
    result_.numbers[std::string(name)] = value;
    if (epoch_ended_) set_column(progress_, std::string(name), value);
}
void NodeRunContext::result(std::string_view name, std::string_view text) {
    result_.texts[std::string(name)] = std::string(text);
}
void NodeRunContext::result(std::string_view name, std::span<const double> values) {
    result_.vectors[std::string(name)] = {values.begin(), values.end()};
}
void NodeRunContext::warn(const std::string& text) {
    if (plan_.settings.warn) (*plan_.settings.warn)("node \"" + node_.spec->id + "\": " + text);
}

}  // namespace narrows::flow
