// measure.latent: what a Gaussian latent's dimensions carry. KL of each dimension from the prior,
// mean over samples; a unit is active when the variance of its mean over the data exceeds 0.01
// (Burda et al. 2016, appendix C). In a training run both are columns of its history.
#pragma once

#include "pipeline/node.hpp"

namespace narrows::plugins {

class MeasureLatent final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void epoch_end(RunContext& run) override;
    void finish(RunContext& run) override;

private:
    void say_collapse(RunContext& run) const;

    std::size_t units_ = 0;
    double active_ = -1;  // of the last epoch, or of the stream; -1: nothing was seen
    std::vector<double> divergence_, sum_, squares_;  // of a stream
    double nats_ = 0, count_ = 0;
    bool has_nats_ = false;
};

}  // namespace narrows::plugins
