// measure.probe: what linear models and nearest neighbours read out of codes, beside raw input and
// a PCA of the same size. Not a stream: it holds the codes and the input until the end.
#pragma once

#include <string>
#include <vector>

#include "datasets/dataset.hpp"
#include "pipeline/analysis/probe.hpp"

namespace narrows::plugins {

class MeasureProbe final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void start(RunContext& run) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;

private:
    struct Part {
        std::vector<float> raw, codes;
        std::vector<std::int32_t> classes;  // one a row, or
        std::vector<double> targets;
        std::size_t rows = 0;
    };
    // Three yardsticks of one split, in the order codes, raw input, PCA.
    struct Split {
        analysis::ProbeScores scores[3];
    };

    void take_labels();
    void check_sizes(OpenContext& context) const;
    Part gather(const std::vector<std::size_t>& rows) const;
    Split measure(const Part& train, const Part& test, std::uint64_t seed, const Loop& loop);
    std::vector<Split> all_splits(RunContext& run);
    void report(RunContext& run, const std::vector<Split>& splits) const;

    std::vector<std::string> labels_file_;
    std::string format_, label_column_, columns_;
    std::int64_t test_rows_ = 0, neighbours_ = 5, splits_ = 5;
    double test_part_ = 0.2;

    std::size_t samples_ = 0, features_ = 0, code_size_ = 0, class_count_ = 0, pca_size_ = 0;
    std::vector<float> raw_, codes_;
    std::vector<std::int32_t> classes_;
    std::vector<double> targets_;
};

}  // namespace narrows::plugins
