// measure.units: which units of a code say something. A unit is dead when it gives one value for
// all samples; it is active when its deviation is at least 1 % of the most varied unit's.
#pragma once

#include "pipeline/node.hpp"

namespace narrows::plugins {

class MeasureUnits final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;

private:
    std::vector<double> sum_, squares_, low_, high_;
    double count_ = 0;
};

}  // namespace narrows::plugins
