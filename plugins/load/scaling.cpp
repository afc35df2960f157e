#include "plugins/load/scaling.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/simd/kernels.hpp"

namespace narrows::plugins {
namespace {

using storage::Numeric;

bool is_float(const std::string& type) {
    return type.starts_with('f');
}

}  // namespace

model::Scaling fit_scaling(const std::string& kind, const datasets::Summary& summary) {
    model::Scaling out;
    const bool bytes = summary.type == Numeric::u8;
    if (kind == "unit" && !bytes)
        throw Error(Fault::usage,
                    fmt::format("scale \"unit\" divides bytes by 255, but the data is {}",
                                storage::to_string(summary.type)),
                    "use minmax or standard");
    out.kind = kind == "auto" ? (bytes ? "unit" : "none") : kind;
    out.source_type = storage::to_string(summary.type);
    out.low = {summary.low};
    out.high = {summary.high};
    out.mean = summary.mean;
    out.deviation = summary.deviation;
    if (out.kind == "unit") {
        out.shift = {0.0f};
        out.factor = {1.0f / 255.0f};
    } else if (out.kind == "minmax") {
        out.shift = summary.feature_low;
        for (std::size_t i = 0; i < out.shift.size(); ++i) {
            const float width = summary.feature_high[i] - summary.feature_low[i];
            out.factor.push_back(width > 0 ? 1 / width : 1.0f);  // constant: becomes 0
        }
    } else if (out.kind == "standard") {
        out.shift = summary.mean;
        for (const float deviation : summary.deviation)
            out.factor.push_back(deviation > 0 ? 1 / deviation : 1.0f);
    }
    return out;
}

namespace {

constexpr std::int64_t most_looks = 1024;   // rows, evenly spread: enough to notice other data
constexpr std::int64_t looks_a_chunk = 64;  // that is unpacked for them
constexpr std::int64_t fewest_looks = 30;   // below, a mean says little
constexpr double large_effect = 0.8;        // Cohen's d (Cohen 1988, section 2.2.4: "large")
constexpr double sure = 5;             // standard errors: 6e-7, small beside thousands of features
constexpr double other_spread = 2;     // times the training deviation, or part of it
constexpr double many_outside = 0.01;  // of the values
constexpr std::size_t rows_named = 5;

struct Looks {
    explicit Looks(std::size_t features) : count(features), sum(features), squares(features) {}
    std::int64_t rows = 0, values = 0, outside = 0;
    std::vector<std::int64_t> count;
    std::vector<double> sum, squares;  // of value - training mean
    // Squared distance of rows from the training mean, the furthest first.
    std::vector<std::pair<double, std::int64_t>> furthest;
};

void note_distance(Looks& looks, double squared, std::int64_t row) {
    const auto place = std::find_if(looks.furthest.begin(), looks.furthest.end(),
                                    [&](const auto& other) { return squared > other.first; });
    looks.furthest.insert(place, {squared, row});
    if (looks.furthest.size() > rows_named) looks.furthest.pop_back();
}

// Which rows to look at; the usual distance is the root of the training data's total variance.
std::string furthest_rows(const model::Scaling& scaling, const Looks& looks) {
    double usual = 0;
    for (const float deviation : scaling.deviation) usual += double{deviation} * double{deviation};
    if (looks.furthest.empty() || usual <= 0) return {};
    std::string text;
    for (const auto& [squared, row] : looks.furthest)
        text += fmt::format("{}row {} ({:.2g})", text.empty() ? "" : ", ", row,
                            std::sqrt(squared / usual));
    return fmt::format(
        "furthest from the training mean of {} rows looked at, in usual distances: {}", looks.rows,
        text);
}

std::string feature_name(const Shape& sample, std::size_t feature) {
    if (sample.rank() < 2) return std::to_string(feature);
    std::string text;
    auto rest = static_cast<std::int64_t>(feature);
    for (std::size_t axis = sample.rank(); axis-- > 0; rest /= sample[axis])
        text = std::to_string(rest % sample[axis]) + (text.empty() ? "" : ", ") + text;
    return "[" + text + "]";
}

// Cohen's d of each feature: difference of means over the root mean square of both deviations.
// A feature drifted where it is large, and more than `sure` standard errors.
std::string moved_means(const model::Scaling& scaling, const Shape& sample, const Looks& looks) {
    struct Moved {
        std::size_t feature;
        double effect, mean;
    };
    std::vector<Moved> moved;
    for (std::size_t f = 0; f < looks.sum.size(); ++f) {
        const auto n = static_cast<double>(looks.count[f]);
        if (looks.count[f] < fewest_looks) continue;
        const double difference = looks.sum[f] / n;
        const double variance = std::max(0.0, looks.squares[f] / n - difference * difference);
        const double trained = double{scaling.deviation[f]} * double{scaling.deviation[f]};
        // Differences in the last bits of a float are none.
        const double least = 1e-6 * std::abs(double{scaling.mean[f]});
        const double deviation = std::max(std::sqrt((variance + trained) / 2), least);
        if (std::abs(difference) <= least) continue;
        const double effect = difference / std::max(deviation, 1e-30);
        if (std::abs(effect) >= large_effect && std::abs(effect) * std::sqrt(n) >= sure)
            moved.push_back({f, effect, scaling.mean[f] + difference});
    }
    if (moved.empty()) return {};
    std::stable_sort(moved.begin(), moved.end(), [](const Moved& a, const Moved& b) {
        return std::abs(a.effect) > std::abs(b.effect);
    });
    std::string text = fmt::format(
        "the means of {} of {} features moved by more than {:g} deviations: ", moved.size(),
        looks.sum.size(), large_effect);
    for (std::size_t i = 0; i < std::min<std::size_t>(3, moved.size()); ++i)
        text += fmt::format("{}feature {} is {:g}, was {:g}", i == 0 ? "" : "; ",
                            feature_name(sample, moved[i].feature),
                            static_cast<float>(moved[i].mean), scaling.mean[moved[i].feature]);
    return text + (moved.size() > 3 ? "; ..." : "");
}

std::string changed_spread(const model::Scaling& scaling, const Looks& looks) {
    double now = 0, then = 0;  // total variance: single features may be all but constant
    for (std::size_t f = 0; f < looks.sum.size(); ++f) {
        if (looks.count[f] < fewest_looks) continue;
        const auto n = static_cast<double>(looks.count[f]);
        const double difference = looks.sum[f] / n;
        now += std::max(0.0, looks.squares[f] / n - difference * difference);
        then += double{scaling.deviation[f]} * double{scaling.deviation[f]};
    }
    if (then <= 0) return {};
    const double ratio = std::sqrt(now / then);
    if (ratio <= other_spread && ratio >= 1 / other_spread) return {};
    return fmt::format("values spread {:.2g} times as far as in training", ratio);
}

[[noreturn]] void refuse_range(const model::Scaling& scaling, const datasets::Dataset& data,
                               std::int64_t row, float low, float high) {
    throw Error(
        Fault::input,
        fmt::format(
            "row {} of {} has values in [{:g}, {:g}], the training data was in [{:g}, {:g}]", row,
            data.name(), low, high, scaling.low[0], scaling.high[0]),
        "the data is in other units, or not what the model was trained on");
}

}  // namespace

std::vector<std::string> check_fits(const model::Scaling& scaling, const datasets::Dataset& data,
                                    std::int64_t first_row) {
    const std::string type = storage::to_string(data.type());
    if (!scaling.source_type.empty() && type != scaling.source_type &&
        !(is_float(type) && is_float(scaling.source_type)))
        throw Error(Fault::input,
                    fmt::format("the model was trained on {} values, but {} holds {}",
                                scaling.source_type, data.name(), type),
                    "give it data of the training type; --set node.data.scale=none takes values as "
                    "they are");
    if (scaling.low.empty() || scaling.high.empty() || data.rows() == 0) return {};
    const auto features = static_cast<std::size_t>(data.sample().elements());
    const bool statistics = scaling.mean.size() == features && scaling.deviation.size() == features;
    Looks looks(statistics ? features : 0);
    std::vector<float> row(features);
    looks.rows = std::min(most_looks, data.rows());
    const float width = std::max(scaling.high[0] - scaling.low[0], 1e-30f);
    const std::int64_t together = data.rows_together() > 1 ? looks_a_chunk : 1;
    const std::int64_t places = (looks.rows + together - 1) / together;
    for (std::int64_t look = 0; look < looks.rows; ++look) {
        const std::int64_t at =
            std::min(data.rows() - 1, data.rows() * (look / together) / places + look % together);
        data.read(at, 1, row.data());
        float low = scaling.high[0], high = scaling.low[0];
        double distance = 0;
        for (std::size_t f = 0; f < features; ++f) {
            if (!std::isfinite(row[f])) continue;  // reported with its row later, or masked
            low = std::min(low, row[f]);
            high = std::max(high, row[f]);
            ++looks.values;
            looks.outside += row[f] < scaling.low[0] || row[f] > scaling.high[0];
            if (!statistics) continue;
            const double d = double{row[f]} - double{scaling.mean[f]};
            ++looks.count[f];
            looks.sum[f] += d;
            looks.squares[f] += d * d;
            distance += d * d;
        }
        if (statistics) note_distance(looks, distance, first_row + at);
        if (low < scaling.low[0] - width || high > scaling.high[0] + width)
            refuse_range(scaling, data, first_row + at, low, high);
    }
    std::vector<std::string> drift;
    if (looks.rows < fewest_looks) return drift;
    const auto note = [&](std::string text) {
        if (!text.empty()) drift.push_back(data.name() + ": " + text);
    };
    note(moved_means(scaling, data.sample(), looks));
    note(changed_spread(scaling, looks));
    if (static_cast<double>(looks.outside) > many_outside * static_cast<double>(looks.values))
        note(fmt::format(
            "{:.2g} % of the values lie outside the training range [{:g}, {:g}]",
            100 * static_cast<double>(looks.outside) / static_cast<double>(looks.values),
            scaling.low[0], scaling.high[0]));
    if (!drift.empty()) note(furthest_rows(scaling, looks));
    return drift;
}

void apply_scaling(const model::Scaling& scaling, float* values, std::size_t features,
                   std::size_t rows) {
    if (scaling.factor.empty()) return;
    const bool one = scaling.factor.size() == 1;
    simd::kernels().affine(values, scaling.shift.data(), scaling.factor.data(), one ? 1 : features,
                           one ? rows * features : rows, values);
}

}  // namespace narrows::plugins
