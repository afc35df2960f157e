#include "pipeline/flow/packet_context.hpp"

#include <algorithm>

namespace narrows::flow {

PacketContext::~PacketContext() = default;

const InputPlan& PacketContext::input_plan(std::string_view port) const {
    if (const InputPlan* found = node_.input(port)) return *found;
    throw std::logic_error("node type " + node_.spec->type + " has no input " + std::string(port));
}
const OutputPlan& PacketContext::output_plan(std::string_view port) const {
    if (const OutputPlan* found = node_.output(port)) return *found;
    throw std::logic_error("node type " + node_.spec->type + " has no output " + std::string(port));
}

Shape PacketContext::now(Shape shape) const {
    if (shape.rank() > 0 && shape[0] == plan_.batch) shape[0] = packet_.place.count;
    return shape;
}

bool PacketContext::wanted(std::string_view port) const {
    const OutputPlan& output = output_plan(port);
    return output.enabled && !output.readers.empty();
}

bool PacketContext::connected(std::string_view port) const {
    if (const InputPlan* found = node_.input(port)) return !found->origins.empty();
    return wanted(port);
}

const void* PacketContext::input(std::string_view port, Type type, Shape& shape) {
    const InputPlan& in = input_plan(port);
    if (in.origins.empty()) return nullptr;
    const NodePlan& from = plan_.nodes[in.origins[0].node];
    const OutputPlan& output = from.outputs[in.origins[0].output];
    if (output.type != type || output.carry != Carry::tensor)
        throw std::logic_error("input " + std::string(port) + " read as another type");
    shape = now(output.shape);
    return base(from) + output.offset;
}

void* PacketContext::output(std::string_view port, Type type, Shape& shape) {
    const OutputPlan& out = output_plan(port);
    shape = now(out.shape);
    if (out.offset == nowhere) return nullptr;
    if (out.type != type)
        throw std::logic_error("output " + std::string(port) + " written as another type");
    return base(node_) + out.offset;
}

double PacketContext::scalar(std::string_view port) {
    double sum = 0;
    for (const auto& origin : input_plan(port).origins)
        sum += packet_.scalars[plan_.nodes[origin.node].outputs[origin.output].scalar];
    return sum;
}

void PacketContext::set_scalar(std::string_view port, double value) {
    packet_.scalars[output_plan(port).scalar] = value;
}

double PacketContext::scalar_gradient(std::string_view output) {
    return output_plan(output).seed ? 1.0 : 0.0;
}

Tensor<float> PacketContext::gradient_for(std::string_view port) {
    const InputPlan& in = input_plan(port);
    if (in.gradient == nowhere || packet_.place.phase != Phase::training) return {};
    packet_.gradient_written[in.gradient_flag] = 1;
    const auto& origin = in.origins[0];
    return {reinterpret_cast<float*>(packet_.gated + in.gradient),
            now(plan_.nodes[origin.node].outputs[origin.output].shape)};
}

// What readers sent back, added in wiring order into the first one's buffer.
float* PacketContext::gather_gradient(const OutputPlan& output) {
    for (const auto& [known, sum] : gathered_)
        if (known == &output) return sum;
    float* sum = nullptr;
    const auto values = static_cast<std::size_t>(now(output.shape).elements());
    for (const auto& reader : output.readers) {
        const InputPlan& in = plan_.nodes[reader.node].inputs[reader.input];
        if (in.gradient == nowhere || !packet_.gradient_written[in.gradient_flag]) continue;
        auto* part = reinterpret_cast<float*>(packet_.gated + in.gradient);
        if (sum == nullptr) {
            sum = part;
            continue;
        }
        constexpr std::size_t block = 4096;
        loop_.each((values + block - 1) / block, [&](std::size_t task) {
            const std::size_t last = std::min(values, (task + 1) * block);
            for (std::size_t i = task * block; i < last; ++i) sum[i] += part[i];
        });
    }
    gathered_.emplace_back(&output, sum);
    return sum;
}

Tensor<float> PacketContext::take_gradient_of(std::string_view port) {
    const OutputPlan& out = output_plan(port);
    float* sum = gather_gradient(out);
    return sum ? Tensor<float>{sum, now(out.shape)} : Tensor<float>{};
}
Tensor<const float> PacketContext::gradient_of(std::string_view port) {
    const Tensor<float> gradient = take_gradient_of(port);
    return {gradient.data, gradient.shape};
}

std::span<std::byte> PacketContext::workspace(std::size_t handle) {
    const NodePlan::Workspace& place = node_.workspaces.at(handle);
    return {base(node_) + place.offset, place.bytes};
}

void PacketContext::metric(std::string_view name, double sum, double weight) {
    packet_.metrics[index_].push_back({std::string(name), sum, weight});
}

}  // namespace narrows::flow
