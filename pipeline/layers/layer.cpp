#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

UpdateRule::~UpdateRule() = default;
Layer::~Layer() = default;

void Layer::update_layer(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule) {
    const std::size_t tasks = plan_update(traces);
    if (tasks > 0) loop.each(tasks, [&](std::size_t task) { update_task(task, traces, rule); });
    update(loop, traces, rule);
}

}  // namespace narrows::layers
