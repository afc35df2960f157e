// sample.prior: codes drawn from the standard normal, as many values as the model's code has.
#pragma once

#include "plugins/encode/bound_model.hpp"

namespace narrows::plugins {

class SamplePrior final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;

private:
    std::int64_t samples_ = 100, batch_ = 128;
    double temperature_ = 1;
};

}  // namespace narrows::plugins
