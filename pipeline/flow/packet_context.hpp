// One packet as one node sees it, in process() and backward().
#pragma once

#include "pipeline/flow/packet.hpp"

namespace narrows::flow {

class PacketContext final : public Context {
public:
    PacketContext(const Plan& plan, std::size_t node, Packet& packet, const Loop& loop,
                  const Progress& progress, const std::atomic<bool>& stopping)
        : plan_(plan),
          node_(plan.nodes[node]),
          index_(node),
          packet_(packet),
          loop_(loop),
          progress_(progress),
          stopping_(stopping) {}
    ~PacketContext() override;

    const Place& place() const override { return packet_.place; }
    std::string_view id() const override { return node_.spec->id; }
    RandomKey key() const override { return node_.key; }
    std::span<std::int64_t> sample_ids() override {
        return packet_.sample_ids(plan_, node_.source);
    }
    bool wanted(std::string_view port) const override;
    bool connected(std::string_view port) const override;
    double scalar(std::string_view port) override;
    void set_scalar(std::string_view port, double value) override;
    Tensor<const float> gradient_of(std::string_view output) override;
    double scalar_gradient(std::string_view output) override;
    Tensor<float> gradient_for(std::string_view input) override;
    Tensor<float> take_gradient_of(std::string_view output) override;
    std::span<std::byte> workspace(std::size_t handle) override;
    Model* model() const override { return node_.model; }
    const Loop& loop() const override { return loop_; }
    const Progress& progress() const override { return progress_; }
    void metric(std::string_view name, double sum, double weight) override;
    void drop() override { packet_.skipped[index_] = 1; }
    bool stopping() const override { return stopping_.load(std::memory_order_relaxed); }

private:
    const void* input(std::string_view port, Type type, Shape& shape) override;
    void* output(std::string_view port, Type type, Shape& shape) override;
    const InputPlan& input_plan(std::string_view port) const;
    const OutputPlan& output_plan(std::string_view port) const;
    std::byte* base(const NodePlan& node) const {
        return node.stage == Stage::ahead ? packet_.own.data() : packet_.gated;
    }
    Shape now(Shape shape) const;  // the planned shape with this packet's count
    float* gather_gradient(const OutputPlan& output);

    const Plan& plan_;
    const NodePlan& node_;
    std::size_t index_;
    Packet& packet_;
    const Loop& loop_;
    const Progress& progress_;
    const std::atomic<bool>& stopping_;
    std::vector<std::pair<const OutputPlan*, float*>> gathered_;
};

}  // namespace narrows::flow
