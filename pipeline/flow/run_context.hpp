// The run as one node sees it, while no packet is in flight.
#pragma once

#include "pipeline/flow/metrics.hpp"

namespace narrows::flow {

class NodeRunContext final : public RunContext {
public:
    NodeRunContext(const Plan& plan, std::size_t node, const Loop& loop, Progress& progress,
                   Result& result, const Metrics& metrics, bool epoch_ended, bool best)
        : plan_(plan),
          node_(plan.nodes[node]),
          loop_(loop),
          progress_(progress),
          result_(result),
          metrics_(metrics),
          epoch_ended_(epoch_ended),
          best_(best) {}
    ~NodeRunContext() override;

    Mode mode() const override { return plan_.pipeline.run.mode; }
    std::string_view id() const override { return node_.spec->id; }
    RandomKey key() const override { return node_.key; }
    Model* model() const override { return node_.model; }
    const Loop& loop() const override { return loop_; }
    std::int64_t samples() const override { return plan_.samples; }
    Shape shape(std::string_view port) const override;
    Progress& progress() override { return progress_; }
    bool is_best() const override { return best_; }
    bool resuming() const override { return plan_.settings.resume; }
    bool no_clobber() const override { return plan_.settings.no_clobber; }
    bool last_stage() const override { return plan_.part.last(); }
    std::string_view pipeline_text() const override { return plan_.text; }
    void result(std::string_view name, double value) override;
    void result(std::string_view name, std::string_view text) override;
    void result(std::string_view name, std::span<const double> values) override;
    void warn(const std::string& text) override;
    double epoch_mean(std::string_view metric, Phase phase) const override {
        return metrics_.ended(metric, phase);
    }
    bool stopping() const override {
        return plan_.settings.stop != nullptr && plan_.settings.stop->load() != 0;
    }

private:
    const Plan& plan_;
    const NodePlan& node_;
    const Loop& loop_;
    Progress& progress_;
    Result& result_;
    const Metrics& metrics_;
    bool epoch_ended_, best_;
};

}  // namespace narrows::flow
