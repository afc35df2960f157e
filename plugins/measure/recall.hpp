// measure.recall: of what is there in a sample, the share that a reconstruction puts in its place
// (recall of a chess position, Chase and Simon 1973).
#pragma once

#include <string>
#include <vector>

#include "pipeline/node.hpp"

namespace narrows::plugins {

// The share of values of `target` above `threshold` that are among the n highest of `prediction`,
// n being how many there are; ties go to the value that comes first. NaN where there is none.
double recall_at_n(std::span<const float> prediction, std::span<const float> target,
                   double threshold);

class MeasureRecall final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;

private:
    std::string name_, format_;
    std::vector<std::string> mean_of_;
    double threshold_ = 0.5;
    std::int64_t ply_ = 40;
    std::vector<float> mean_;  // a sample; empty: not asked for
};

}  // namespace narrows::plugins
