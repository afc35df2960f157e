#include "plugins/store/scores.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "datasets/dataset.hpp"
#include "pipeline/analysis/rank.hpp"
#include "pipeline/simd/kernels.hpp"
#include "plugins/store/outputs.hpp"

namespace narrows::plugins {
namespace {

enum Column : std::size_t { scores, ids };  // that are always there

std::vector<std::uint8_t> above(const std::vector<float>& values, double threshold) {
    std::vector<std::uint8_t> out(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = double{values[i]} > threshold ? 1 : 0;
    return out;
}

}  // namespace

void StoreScores::describe(Schema& schema) {
    schema
        .summary(
            "Write anomaly scores: the Euclidean distance of each sample to its reconstruction.")
        .threads(Threads::ordered)
        .binds_model(Need::optional)
        .in("prediction", "f32[batch, ...]", "reconstructions")
        .in("target", "f32[batch, ...]", "samples, scaled as the model has them")
        .in("score", "f32[batch]", "instead of the distance, -log p(x) for example", Need::optional)
        .text<&StoreScores::file_>("file", "", "HDF5 file of the scores", Need::required)
        .flag<&StoreScores::per_feature_>("per_feature", false,
                                          "store the squared error of each value too")
        .number<&StoreScores::quantile_>(
            "threshold_quantile", 0, 0, 1,
            "flag scores above this quantile of the reference's (without one: of all); 0: none")
        .integer<&StoreScores::reference_rows_>("reference_rows", 0, 0, 1e15,
                                                "the first so many samples only set the threshold",
                                                "samples")
        .integer<&StoreScores::series_rows_>(
            "series_rows", 0, 0, 1e15, "samples are windows of a series with so many rows; 0: not",
            "rows")
        .integer<&StoreScores::stride_>("stride", 0, 0, 1 << 24, "between windows", "rows")
        .texts<&StoreScores::labels_file_>("labels_file",
                                           "DATA with one label a sample (or a row of the series), "
                                           "anything but 0 is an anomaly")
        .choice<&StoreScores::format_>("format", "", "|hdf5|idx|npy|csv|raw|ts|png",
                                       "of the labels; empty: by content")
        .text<&StoreScores::label_column_>("label_column", "", "CSV: name or place of the labels")
        .text<&StoreScores::columns_>("columns", "", "CSV: names and places that are read")
        .text<&StoreScores::part_>("part", "",
                                   "the rows are one of n contiguous parts, \"2/4\"; for join")
        .integer<&StoreScores::all_rows_>("all_rows", 0, 0, 1e15, "of all parts together", "rows");
}

void StoreScores::check_series(OpenContext& context) {
    if (series_rows_ == 0) return;
    const Shape sample = context.shape("target").sample();
    window_ = sample[0];
    const std::int64_t scored = context.samples() - reference_rows_;
    if (stride_ < 1 || (scored - 1) * stride_ + window_ > series_rows_)
        context.fail(fmt::format("{} windows of {} rows, {} apart, do not come from {} rows",
                                 scored, window_, stride_, series_rows_),
                     "give the stride of the windows and the rows of the series");
    row_sums_.assign(static_cast<std::size_t>(series_rows_), 0.0);
    row_counts_.assign(static_cast<std::size_t>(series_rows_), 0);
}

// One label a scored sample; or one a row of the series, then a window counts as its highest.
void StoreScores::take_labels(std::int64_t samples) {
    if (labels_file_.empty()) return;
    const datasets::Labels labels =
        datasets::open_labels(labels_file_, format_, label_column_, columns_);
    if (!labels.targets.empty())
        throw Error(Fault::input, "the labels are numbers with fractions",
                    "give 0 for normal samples and 1 for anomalies");
    const auto count = static_cast<std::int64_t>(labels.values.size());
    if (count == samples) {
        labels_ = labels.values;
        return;
    }
    if (series_rows_ == 0 || count != series_rows_)
        throw Error(Fault::input,
                    fmt::format("there are {} labels for {} samples{}", count, samples,
                                series_rows_ > 0 ? fmt::format(" cut from {} rows", series_rows_)
                                                 : std::string()),
                    "give one label a sample");
    row_labels_ = labels.values;
    for (std::int64_t i = 0; i < samples; ++i) {
        const auto first = row_labels_.begin() + i * stride_;
        labels_.push_back(
            std::any_of(first, first + window_, [](std::int64_t l) { return l != 0; }));
    }
}

void StoreScores::open(OpenContext& context) {
    if (context.mode() != Mode::stream) context.fail("store.scores needs mode = \"stream\"");
    const Shape target = context.shape("target"), prediction = context.shape("prediction");
    if (!(target.sample() == prediction.sample()))
        context.fail(fmt::format("prediction is {} a sample, target {}",
                                 to_string(prediction.sample()), to_string(target.sample())));
    own_scores_ = context.connected("score");
    if (reference_rows_ >= context.samples())
        context.fail(fmt::format("reference_rows = {} of {} samples leaves none to score",
                                 reference_rows_, context.samples()));
    if (!part_.empty() && (quantile_ > 0 || series_rows_ > 0 || !labels_file_.empty()))
        context.fail("a part has no threshold, no labels and no series: these are of all rows",
                     "score in parts, join them, then compare");
    part_attributes(part_, all_rows_, context.samples());
    if (reference_rows_ > 0 && quantile_ == 0)
        context.fail("reference_rows without threshold_quantile",
                     "the reference is for the threshold");
    check_series(context);
    take_labels(context.samples() - reference_rows_);
    context.hold(static_cast<std::uint64_t>(context.samples()) * 24 +
                 static_cast<std::uint64_t>(series_rows_) * 24);
}

// Notes where its columns are.
storage::CodesLayout StoreScores::layout(const RunContext& run) {
    storage::CodesLayout layout;
    layout.rows = run.samples() - reference_rows_;
    layout.format = "narrows-scores";
    layout.columns = {{"/scores", Type::f32, {}}, {"/ids", Type::i64, {}}};
    const auto add = [&](const char* name, Type type, const Shape& sample = {},
                         std::int64_t rows = -1) {
        layout.columns.push_back({name, type, sample, rows});
        return layout.columns.size() - 1;
    };
    if (per_feature_)
        features_column_ = add("/squared_errors", Type::f32, run.shape("target").sample());
    if (!labels_.empty()) labels_column_ = add("/labels", Type::i64);
    if (quantile_ > 0) flags_column_ = add("/flagged", Type::u8);
    if (series_rows_ > 0) {
        first_row_column_ = add("/first_row", Type::i64);
        row_scores_column_ = add("/row_scores", Type::f32, {}, series_rows_);
        if (quantile_ > 0) row_flags_column_ = add("/row_flagged", Type::u8, {}, series_rows_);
    }
    if (quantile_ > 0) add("/threshold", Type::f64, {}, 1);
    layout.attributes = origin_of(run);
    for (auto& attribute : part_attributes(part_, all_rows_, layout.rows))
        layout.attributes.push_back(std::move(attribute));
    return layout;
}

// Threshold and ranks are of all scores: half a file is no start.
bool StoreScores::restore(RunContext& run) {
    return restore_finished(file_, layout(run), run);
}

void StoreScores::start(RunContext& run) {
    check_output(file_, run);
    writer_ = std::make_unique<storage::CodesWriter>(file_, layout(run), false);
}

// The errors of each row of a window go to that row of the series.
void StoreScores::add_to_series(std::int64_t sample, const float* errors, std::size_t count) {
    const std::size_t values = count / static_cast<std::size_t>(window_);
    for (std::size_t t = 0; t < static_cast<std::size_t>(window_); ++t) {
        const auto row = static_cast<std::size_t>(sample * stride_) + t;
        for (std::size_t j = 0; j < values; ++j) row_sums_[row] += double{errors[t * values + j]};
        ++row_counts_[row];
    }
}

void StoreScores::process(Context& context) {
    const Tensor<const float> x = context.in("target"), y = context.in("prediction");
    const Context::Place& place = context.place();
    refuse_gap(context, static_cast<std::int64_t>(reference_.size() + scores_.size()), file_);
    const auto features = static_cast<std::size_t>(x.row_size());
    const std::int64_t skip =
        std::clamp<std::int64_t>(reference_rows_ - place.first, 0, place.count);
    const float* given = own_scores_ ? context.in("score").data : nullptr;
    std::vector<float> errors(per_feature_ || series_rows_ > 0 ? features : 0);
    const std::int64_t first = place.first + skip - reference_rows_;
    for (std::int64_t r = 0; r < place.count; ++r) {
        const double squared = simd::kernels().squared_distance(y.row(r), x.row(r), features);
        (r < skip ? reference_ : scores_)
            .push_back(given != nullptr ? given[r] : static_cast<float>(std::sqrt(squared)));
        if (errors.empty() || r < skip) continue;
        for (std::size_t j = 0; j < features; ++j) {
            const float difference = y.row(r)[j] - x.row(r)[j];
            errors[j] = difference * difference;
        }
        const std::int64_t sample = first + r - skip;
        if (per_feature_) writer_->write(features_column_, sample, 1, errors.data());
        if (series_rows_ > 0) add_to_series(sample, errors.data(), features);
    }
    const std::int64_t count = place.count - skip;
    if (count == 0) return;
    writer_->write(scores, first, count, scores_.data() + first);
    writer_->write(ids, first, count, context.sample_ids().data() + skip);
    writer_->rows_written(first + count);
}

void StoreScores::write_threshold(RunContext& run) {
    const std::vector<float>& from = reference_.empty() ? scores_ : reference_;
    const double threshold = analysis::quantile(from, quantile_);
    const std::vector<std::uint8_t> flags = above(scores_, threshold);
    writer_->write(flags_column_, 0, static_cast<std::int64_t>(flags.size()), flags.data());
    const auto flagged = static_cast<double>(std::count(flags.begin(), flags.end(), 1));
    const std::size_t last = series_rows_ > 0 ? row_flags_column_ + 1 : flags_column_ + 1;
    writer_->write(last, 0, 1, &threshold);
    run.result("threshold", threshold);
    run.result("flagged", flagged);
    run.result("flagged_share", flagged / static_cast<double>(flags.size()));
    run.result("reference_samples", static_cast<double>(from.size()));
    if (labels_.empty()) return;
    double hits = 0, anomalies = 0;
    for (std::size_t i = 0; i < flags.size(); ++i) {
        if (labels_[i] == 0) continue;
        ++anomalies;
        if (flags[i] == 1) ++hits;
    }
    if (flagged > 0) run.result("precision", hits / flagged);
    if (anomalies > 0) run.result("recall", hits / anomalies);
}

// A row's score is the root of its squared error, mean over the windows that hold it; NaN for rows
// at the end that no window reached. A row is flagged where a window that holds it is.
void StoreScores::write_series(RunContext& run) {
    std::vector<std::int64_t> first_rows;
    for (std::size_t i = 0; i < scores_.size(); ++i)
        first_rows.push_back(static_cast<std::int64_t>(i) * stride_);
    writer_->write(first_row_column_, 0, static_cast<std::int64_t>(first_rows.size()),
                   first_rows.data());
    std::vector<float> rows;
    std::vector<float> covered;
    std::vector<std::int64_t> covered_labels;
    for (std::size_t i = 0; i < row_sums_.size(); ++i) {
        if (row_counts_[i] == 0) {
            rows.push_back(std::numeric_limits<float>::quiet_NaN());
            continue;
        }
        rows.push_back(static_cast<float>(std::sqrt(row_sums_[i] / row_counts_[i])));
        covered.push_back(rows.back());
        if (!row_labels_.empty()) covered_labels.push_back(row_labels_[i]);
    }
    writer_->write(row_scores_column_, 0, series_rows_, rows.data());
    run.result("series_rows", static_cast<double>(series_rows_));
    if (covered.size() < rows.size())
        run.warn(fmt::format("the last {} rows are in no window: their score is NaN",
                             rows.size() - covered.size()));
    if (!row_labels_.empty()) {
        run.result("row_auc", analysis::roc_auc(covered, covered_labels));
        run.result("row_average_precision", analysis::average_precision(covered, covered_labels));
    }
    if (quantile_ == 0) return;
    const double threshold =
        analysis::quantile(reference_.empty() ? scores_ : reference_, quantile_);
    std::vector<std::uint8_t> flags(rows.size(), 0);
    for (std::size_t i = 0; i < scores_.size(); ++i)
        if (double{scores_[i]} > threshold)
            std::fill_n(flags.begin() + static_cast<std::ptrdiff_t>(i) * stride_, window_, 1);
    writer_->write(row_flags_column_, 0, series_rows_, flags.data());
}

void StoreScores::rank(RunContext& run) const {
    if (labels_.empty()) return;
    if (std::any_of(scores_.begin(), scores_.end(), [](float s) { return std::isnan(s); }))
        throw Error(Fault::run, "some scores are NaN: they have no order",
                    "look at the model with narrows evaluate");
    const auto anomalies = static_cast<double>(
        std::count_if(labels_.begin(), labels_.end(), [](std::int64_t l) { return l != 0; }));
    run.result("anomalies", anomalies);
    if (anomalies == 0 || anomalies == static_cast<double>(labels_.size()))
        run.warn("all labels are of one kind: there is no AUC");
    run.result("auc", analysis::roc_auc(scores_, labels_));
    run.result("average_precision", analysis::average_precision(scores_, labels_));
}

void StoreScores::finish(RunContext& run) {
    rank(run);
    double sum = 0;
    for (const float score : scores_) sum += double{score};
    run.result("mean_score", sum / static_cast<double>(scores_.size()));
    run.result("highest_score", double{*std::max_element(scores_.begin(), scores_.end())});
    if (!labels_.empty())
        writer_->write(labels_column_, 0, static_cast<std::int64_t>(labels_.size()),
                       labels_.data());
    if (series_rows_ > 0) write_series(run);
    if (quantile_ > 0) write_threshold(run);
    writer_->commit();
    writer_.reset();
}

void StoreScores::abandon(RunContext&) noexcept {
    if (writer_) writer_->discard();
    writer_.reset();
}

}  // namespace narrows::plugins
