// sample.mixture: codes drawn from a Gaussian mixture that is fitted to the codes of DATA, for
// models whose codes have no prior, or do not fill it (Ghosh et al. 2020).
#pragma once

#include "pipeline/analysis/mixture.hpp"
#include "plugins/decode/codes_of.hpp"

namespace narrows::plugins {

class SampleMixture final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void start(RunContext& run) override;
    void process(Context& context) override;

private:
    std::string fit_;
    std::int64_t components_ = 10, samples_ = 100, batch_ = 128;
    std::shared_ptr<const datasets::Dataset> data_;
    analysis::Mixture mixture_;
};

}  // namespace narrows::plugins
