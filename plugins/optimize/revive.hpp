// optimize.revive: a unit that is 0 for every sample of an epoch has no gradient and stays dead; it
// gets first weights anew and forgets its moments, behind the update of the epoch's last step (Gao
// et al. 2024, appendix A.2, on dead latents). Counts are part of checkpoints.
#pragma once

#include <span>

#include "pipeline/node.hpp"

namespace narrows::plugins {

class Revive final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;

private:
    std::int64_t layer_ = -1, chosen_ = 0, samples_ = 0;
    bool restart_ = true;
    double rest_ = 0.3;
    std::uint32_t epochs_ = 1;
    std::span<float> active_;
};

}  // namespace narrows::plugins
