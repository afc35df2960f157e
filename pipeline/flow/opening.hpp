// What a node sees while it opens.
#pragma once

#include "pipeline/flow/plan.hpp"

namespace narrows::flow {

class Opening final : public OpenContext {
public:
    Opening(Plan& plan, std::size_t index) : plan_(plan), node_(plan.nodes[index]) {}
    ~Opening() override;

    Mode mode() const override { return plan_.pipeline.run.mode; }
    std::string_view id() const override { return node_.spec->id; }
    RandomKey key() const override { return node_.key; }
    bool connected(std::string_view port) const override;
    Shape shape(std::string_view port) const override;
    void set_shape(std::string_view port, const Shape& shape, Type type) override;
    void stream(std::int64_t samples, std::int64_t batch, std::int64_t validation) override;
    std::int64_t batch() const override { return plan_.batch; }
    std::int64_t samples() const override { return plan_.samples; }
    std::uint64_t total_steps() const override;
    std::uint32_t epochs() const override;
    bool prefer(std::string_view port, std::string_view sibling) override;
    bool peek(std::string_view port, std::span<const std::int64_t> rows, void* values) override;
    void disable(std::string_view port) override;
    std::size_t reserve(std::size_t bytes) override;
    void hold(std::uint64_t bytes) override { plan_.held_bytes += bytes; }
    Model* model() const override { return node_.model; }
    Model* downstream_model() const override;
    std::string_view pipeline_text() const override { return plan_.text; }
    void warn(const std::string& text) override;

private:
    const InputPlan& input(std::string_view port) const;
    OutputPlan& output(std::string_view port);
    Plan& plan_;
    NodePlan& node_;
};

}  // namespace narrows::flow
