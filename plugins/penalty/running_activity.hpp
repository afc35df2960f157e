// penalty.running_activity: KL divergence from a target activity to each unit's running mean
//   m_t = momentum * m_(t-1) + (1 - momentum) * mean of the batch            (Hinton 2010, section
//   11) value = weight * sum_j KL(target || m_j),  KL(p || q) = p ln(p/q) + (1-p) ln((1-p)/(1-q))
// m starts at the target and is part of checkpoints. The gradient is the value's own: a batch moves
// m by 1 - momentum of its mean.
#pragma once

#include <span>

#include "pipeline/node.hpp"

namespace narrows::plugins {

class RunningActivity final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void backward(Context& context) override;

private:
    double target_ = 0.05, weight_ = 0.1, momentum_ = 0.9;
    std::span<float> mean_;
};

}  // namespace narrows::plugins
