#include "plugins/measure/recall.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "datasets/dataset.hpp"

namespace narrows::plugins {

double recall_at_n(std::span<const float> prediction, std::span<const float> target,
                   double threshold) {
    const auto is_there = [&](std::size_t i) { return double{target[i]} > threshold; };
    std::vector<std::size_t> order(target.size());
    std::iota(order.begin(), order.end(), 0);
    const auto n = std::count_if(order.begin(), order.end(), is_there);
    if (n == 0) return std::numeric_limits<double>::quiet_NaN();
    std::nth_element(
        order.begin(), order.begin() + n - 1, order.end(), [&](std::size_t a, std::size_t b) {
            return prediction[a] != prediction[b] ? prediction[a] > prediction[b] : a < b;
        });
    const auto found = std::count_if(order.begin(), order.begin() + n, is_there);
    return static_cast<double>(found) / static_cast<double>(n);
}

void MeasureRecall::describe(Schema& schema) {
    schema
        .summary(
            "Share of the n values above a threshold in each target that are among the n highest "
            "of its prediction, mean over samples (metric NAME).")
        .threads(Threads::parallel)
        .in("prediction", "f32[batch, ...]", "reconstructions")
        .in("target", "f32[batch, ...]", "what they should be")
        .text<&MeasureRecall::name_>("name", "recall", "of the metric")
        .number<&MeasureRecall::threshold_>("threshold", 0.5, -1e30, 1e30,
                                            "values of the target above it are there", "data units")
        .texts<&MeasureRecall::mean_of_>(
            "mean_of", "DATA whose mean sample is a prediction too, for comparison (mean_NAME)")
        .text<&MeasureRecall::format_>("format", "", "of that DATA, as of load; empty: by content")
        .integer<&MeasureRecall::ply_>("ply", 40, 0, 10000,
                                       "PGN: the position after so many half-moves", "half-moves");
}

void MeasureRecall::open(OpenContext& context) {
    const Shape target = context.shape("target").sample();
    if (context.shape("prediction").sample().elements() != target.elements())
        context.fail("prediction is " + to_string(context.shape("prediction").sample()) +
                     " a sample, target " + to_string(target));
    if (mean_of_.empty()) return;
    datasets::DataSpec beside;
    beside.format = format_;
    beside.ply = ply_;
    const auto data = datasets::open(datasets::parse_data(mean_of_, beside));
    if (data->sample().elements() != target.elements())
        throw Error(Fault::input, data->name() + " has samples of shape " +
                                      to_string(data->sample()) + ", the target " +
                                      to_string(target));
    // The order of a mean's values is all that counts: its scale does not.
    mean_ = datasets::summarise(*data, storage::loop()).mean;
}

void MeasureRecall::process(Context& context) {
    const Tensor<const float> y = context.in("prediction"), x = context.in("target");
    const auto size = static_cast<std::size_t>(x.row_size());
    double sum = 0, mean_sum = 0, count = 0;
    for (std::int64_t r = 0; r < context.place().count; ++r) {
        const std::span<const float> target(x.row(r), size);
        const double recall = recall_at_n({y.row(r), size}, target, threshold_);
        if (std::isnan(recall)) continue;
        sum += recall;
        if (!mean_.empty()) mean_sum += recall_at_n(mean_, target, threshold_);
        ++count;
    }
    context.metric(name_, sum, count);
    if (!mean_.empty()) context.metric("mean_" + name_, mean_sum, count);
}

}  // namespace narrows::plugins
