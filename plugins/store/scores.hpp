// store.scores: how odd each sample is, the Euclidean distance to its reconstruction in the
// model's scaled units; with labels AUC and average precision, with a quantile a threshold.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "pipeline/storage/array_file.hpp"

namespace narrows::plugins {

class StoreScores final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    bool restore(RunContext& run) override;
    void start(RunContext& run) override;
    void process(Context& context) override;
    void finish(RunContext& run) override;
    void abandon(RunContext& run) noexcept override;

private:
    storage::CodesLayout layout(const RunContext& run);
    void take_labels(std::int64_t samples);
    void check_series(OpenContext& context);
    void add_to_series(std::int64_t sample, const float* errors, std::size_t count);
    void write_series(RunContext& run);
    void write_threshold(RunContext& run);
    void rank(RunContext& run) const;

    std::string file_, part_, format_, label_column_, columns_;
    std::vector<std::string> labels_file_;
    bool per_feature_ = false, own_scores_ = false;
    double quantile_ = 0;
    std::int64_t reference_rows_ = 0, series_rows_ = 0, stride_ = 0, all_rows_ = 0;

    std::int64_t window_ = 0;
    std::vector<float> reference_, scores_;          // in stream order
    std::vector<std::int64_t> labels_, row_labels_;  // of scored samples; of the series' rows
    std::vector<double> row_sums_;                   // squared errors of each row of the series
    std::vector<std::int32_t> row_counts_;           // windows that hold it
    std::size_t features_column_ = 0, labels_column_ = 0, flags_column_ = 0, first_row_column_ = 0,
                row_scores_column_ = 0, row_flags_column_ = 0;
    std::unique_ptr<storage::CodesWriter> writer_;
};

}  // namespace narrows::plugins
