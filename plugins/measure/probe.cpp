#include "plugins/measure/probe.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/analysis/pca.hpp"
#include "pipeline/simd/random.hpp"

namespace narrows::plugins {
namespace {

constexpr std::size_t most_classes = 1000;
constexpr std::string_view sources[] = {"", "raw_", "pca_"};
enum Place : std::size_t { from_codes, from_raw, from_pca };

struct Mean {
    double value = 0, spread = 0;
};
// Mean and sample standard deviation (0 of one value).
Mean mean_of(const std::vector<double>& values) {
    Mean out;
    for (const double value : values) out.value += value;
    out.value /= static_cast<double>(values.size());
    for (const double value : values) out.spread += (value - out.value) * (value - out.value);
    const double others = static_cast<double>(values.size()) - 1;
    out.spread = others > 0 ? std::sqrt(out.spread / others) : 0;
    return out;
}

}  // namespace

void MeasureProbe::describe(Schema& schema) {
    schema
        .summary(
            "Accuracy of linear models and nearest neighbours on codes, raw input and PCA of the "
            "same size. Holds all of them in memory.")
        .threads(Threads::parallel)
        .in("x", "f32[batch, ...]", "raw input")
        .in("z", "f32[batch, ...]", "its codes")
        .texts<&MeasureProbe::labels_file_>(
            "labels_file", "DATA with one label a sample: classes, or numbers with fractions",
            Need::required)
        .choice<&MeasureProbe::format_>("format", "", "|hdf5|idx|npy|csv|raw|ts|png",
                                        "of the labels; empty: by content")
        .text<&MeasureProbe::label_column_>("label_column", "", "CSV: name or place of the labels")
        .text<&MeasureProbe::columns_>("columns", "", "CSV: names and places that are read")
        .integer<&MeasureProbe::test_rows_>(
            "test_rows", 0, 0, 1e15, "the last so many samples are the test; 0: splits", "samples")
        .integer<&MeasureProbe::neighbours_>("neighbours", 5, 1, 10000, "that vote", "samples")
        .integer<&MeasureProbe::splits_>("splits", 5, 1, 1000,
                                         "random parts into training and test")
        .number<&MeasureProbe::test_part_>("test_part", 0.2, 0.01, 0.99,
                                           "of the samples, in each of the splits");
}

void MeasureProbe::take_labels() {
    const datasets::Labels labels =
        datasets::open_labels(labels_file_, format_, label_column_, columns_);
    if (labels.size() != samples_)
        throw Error(Fault::input,
                    fmt::format("there are {} labels for {} samples", labels.size(), samples_),
                    "give one label a sample");
    if (!labels.targets.empty()) {
        targets_ = labels.targets;
        return;
    }
    std::vector<std::int64_t> known = labels.values;
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    class_count_ = known.size();
    if (class_count_ < 2)
        throw Error(Fault::input, "all samples have the same label: there is nothing to tell apart",
                    "give labels of two classes or more");
    if (class_count_ > most_classes)
        throw Error(Fault::input,
                    fmt::format("the labels have {} different values, classes are at most {}",
                                class_count_, most_classes),
                    "numbers to predict are given with fractions, as floats");
    for (const std::int64_t label : labels.values)
        classes_.push_back(static_cast<std::int32_t>(
            std::lower_bound(known.begin(), known.end(), label) - known.begin()));
}

void MeasureProbe::check_sizes(OpenContext& context) const {
    const auto test = static_cast<std::size_t>(test_rows_);
    if (test_rows_ > 0 && test + 2 > samples_)
        context.fail(fmt::format("test_rows = {} leaves {} of {} samples to train on", test_rows_,
                                 samples_ > test ? samples_ - test : 0, samples_),
                     "two are needed at least");
    if (samples_ < 10)
        throw Error(Fault::input, fmt::format("{} samples are too few to probe", samples_),
                    "give ten or more");
}

void MeasureProbe::open(OpenContext& context) {
    if (context.mode() != Mode::stream) context.fail("measure.probe needs mode = \"stream\"");
    samples_ = static_cast<std::size_t>(context.samples());
    features_ = static_cast<std::size_t>(context.shape("x").sample().elements());
    code_size_ = static_cast<std::size_t>(context.shape("z").sample().elements());
    check_sizes(context);
    take_labels();
    // Everything once, and again as the parts of a split and the standardised copy.
    context.hold(std::uint64_t{4} * samples_ * (3 * features_ + 4 * code_size_ + 2 * class_count_));
}

void MeasureProbe::start(RunContext&) {
    raw_.resize(samples_ * features_);
    codes_.resize(samples_ * code_size_);
}

void MeasureProbe::process(Context& context) {
    // Packets write places of their own: no two of them meet.
    const Tensor<const float> x = context.in("x"), z = context.in("z");
    const auto first = static_cast<std::size_t>(context.place().first);
    const auto count = static_cast<std::size_t>(context.place().count);
    std::copy_n(x.data, count * features_, raw_.data() + first * features_);
    std::copy_n(z.data, count * code_size_, codes_.data() + first * code_size_);
}

MeasureProbe::Part MeasureProbe::gather(const std::vector<std::size_t>& rows) const {
    Part part;
    part.rows = rows.size();
    part.raw.resize(rows.size() * features_);
    part.codes.resize(rows.size() * code_size_);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        std::copy_n(raw_.data() + rows[i] * features_, features_, part.raw.data() + i * features_);
        std::copy_n(codes_.data() + rows[i] * code_size_, code_size_,
                    part.codes.data() + i * code_size_);
        if (class_count_ > 0)
            part.classes.push_back(classes_[rows[i]]);
        else
            part.targets.push_back(targets_[rows[i]]);
    }
    return part;
}

MeasureProbe::Split MeasureProbe::measure(const Part& train, const Part& test, std::uint64_t seed,
                                          const Loop& loop) {
    using analysis::Matrix;
    const analysis::ProbeSettings settings{static_cast<std::size_t>(neighbours_), seed};
    const auto probe = [&](const Matrix& a, const Matrix& b) {
        return class_count_ > 0
                   ? analysis::probe_classes(a, train.classes, b, test.classes, class_count_,
                                             settings, loop)
                   : analysis::probe_values(a, train.targets, b, test.targets, settings, loop);
    };
    const Matrix raw{train.raw.data(), train.rows, features_};
    const Matrix raw_test{test.raw.data(), test.rows, features_};
    Split split;
    split.scores[from_codes] = probe({train.codes.data(), train.rows, code_size_},
                                     {test.codes.data(), test.rows, code_size_});
    split.scores[from_raw] = probe(raw, raw_test);
    const analysis::Pca pca = analysis::fit_pca(raw, code_size_, loop);
    pca_size_ = pca.count();
    std::vector<float> a(train.rows * pca.count()), b(test.rows * pca.count());
    analysis::project(pca, raw, a.data(), loop);
    analysis::project(pca, raw_test, b.data(), loop);
    split.scores[from_pca] =
        probe({a.data(), train.rows, pca.count()}, {b.data(), test.rows, pca.count()});
    return split;
}

std::vector<MeasureProbe::Split> MeasureProbe::all_splits(RunContext& run) {
    std::vector<Split> splits;
    const std::uint64_t seed = run.key().seed;
    const std::size_t count = test_rows_ > 0 ? 1 : static_cast<std::size_t>(splits_);
    for (std::size_t s = 0; s < count; ++s) {
        const std::size_t test =
            test_rows_ > 0
                ? static_cast<std::size_t>(test_rows_)
                : std::clamp<std::size_t>(static_cast<std::size_t>(std::lround(
                                              test_part_ * static_cast<double>(samples_))),
                                          1, samples_ - 2);
        std::vector<std::size_t> order(samples_);
        const simd::Permutation permutation(seed, run.key().node, static_cast<std::uint32_t>(s),
                                            samples_);
        for (std::size_t i = 0; i < samples_; ++i)
            order[i] = test_rows_ > 0 ? i : static_cast<std::size_t>(permutation(i));
        const auto middle = order.begin() + static_cast<std::ptrdiff_t>(samples_ - test);
        const Part train = gather({order.begin(), middle}), held = gather({middle, order.end()});
        if (count == 1) {  // the parts are all that is needed
            raw_ = {};
            codes_ = {};
        }
        splits.push_back(measure(train, held, seed + s, run.loop()));
    }
    return splits;
}

void MeasureProbe::report(RunContext& run, const std::vector<Split>& splits) const {
    const bool classes = class_count_ > 0;
    const std::string_view unit = classes ? "accuracy" : "r2";
    Mean linear[3], knn[3];
    for (const bool is_linear : {true, false})
        for (std::size_t source = 0; source < 3; ++source) {
            std::vector<double> values;
            for (const Split& split : splits)
                values.push_back(is_linear ? split.scores[source].linear
                                           : split.scores[source].knn);
            const Mean mean = mean_of(values);
            (is_linear ? linear : knn)[source] = mean;
            const std::string key =
                fmt::format("{}{}_{}", sources[source], is_linear ? "linear" : "knn", unit);
            run.result(key, mean.value);
            if (splits.size() > 1) run.result(key + "_spread", mean.spread);
        }
    const double test = test_rows_ > 0 ? static_cast<double>(test_rows_)
                                       : std::round(test_part_ * static_cast<double>(samples_));
    run.result("splits", static_cast<double>(splits.size()));
    run.result("train_samples", static_cast<double>(samples_) - test);
    run.result("test_samples", test);
    run.result("code_size", static_cast<double>(code_size_));
    run.result("pca_size", static_cast<double>(pca_size_));
    run.result("neighbours", static_cast<double>(neighbours_));
    if (classes) run.result("classes", static_cast<double>(class_count_));

    const auto points = [&](const Mean& a, const Mean& b) {
        const double difference = a.value - b.value;
        return classes ? fmt::format("{:.2f} points", 100 * std::abs(difference))
                       : fmt::format("{:.4f} of R squared", std::abs(difference));
    };
    const bool loses = linear[from_codes].value < linear[from_pca].value;
    std::string text = fmt::format("a linear model on the codes {} one on PCA of size {} by {}",
                                   loses ? "LOSES to" : "is ahead of", pca_size_,
                                   points(linear[from_codes], linear[from_pca]));
    if (linear[from_codes].value == linear[from_pca].value)
        text = fmt::format("a linear model on the codes equals one on PCA of size {}", pca_size_);
    text += fmt::format("; nearest neighbours {} by {}",
                        knn[from_codes].value < knn[from_pca].value ? "lose" : "are ahead",
                        points(knn[from_codes], knn[from_pca]));
    run.result("verdict", text);
    if (loses)
        run.warn("the codes lose to PCA: they tell a linear model less than " +
                 std::to_string(pca_size_) + " principal components of the input");
}

void MeasureProbe::finish(RunContext& run) {
    report(run, all_splits(run));
}

}  // namespace narrows::plugins
