// measure.units: the health of a code. A unit is dead when it gives one value for all samples,
// active when its deviation is at least 1 % of the most varied unit's, saturated when nearly all
// its values lie at an end of its activation's range; correlation is between pairs of up to 64
// units (in training 16, on up to 32 batches an epoch). What is wrong is said in words when the run
// ends.
#pragma once

#include <map>

#include "pipeline/node.hpp"
#include "plugins/encode/code_moments.hpp"

namespace narrows::plugins {

class MeasureUnits final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void epoch_end(RunContext& run) override;
    void finish(RunContext& run) override;

private:
    struct ClassError {
        double sum = 0, count = 0;
    };
    using Classes = std::map<std::int64_t, ClassError>;
    static void add_classes(Context& context, Classes& classes);
    static void note_classes(Context& context);
    void note(Context& context, const float* rows, std::size_t count);
    CodeMoments epoch(const RunContext& run, Phase phase) const;
    void report(RunContext& run, const CodeHealth& health, const std::string& prefix) const;
    void report_classes(RunContext& run) const;
    void add_outputs(Context& context);
    void warn(RunContext& run) const;

    bool counts_active_ = true, counts_dead_ = true;
    bool has_classes_ = false, has_outputs_ = false;
    std::int64_t batches_apart_ = 1, batch_ = 1;  // training: batches that are looked at
    std::optional<Bounds> bounds_;
    CodeMoments moments_;
    CodeHealth last_;
    bool seen_ = false;
    Classes classes_;
    double grey_ = 0, grey_saturated_ = 0;  // target values inside (0, 1), and outputs at 0 or 1
};

}  // namespace narrows::plugins
