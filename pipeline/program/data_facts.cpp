#include "pipeline/program/data_facts.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/program/model_facts.hpp"

namespace narrows::program {
namespace {

struct Range {
    double low, high;
};

// The widest (value - mean) / deviation of any feature.
Range standardised(const datasets::Summary& s) {
    Range range{0, 0};
    for (std::size_t i = 0; i < s.mean.size(); ++i) {
        if (s.deviation[i] <= 0) continue;
        range.low = std::min(range.low, double{(s.feature_low[i] - s.mean[i]) / s.deviation[i]});
        range.high = std::max(range.high, double{(s.feature_high[i] - s.mean[i]) / s.deviation[i]});
    }
    return range;
}

Range scaled(const datasets::Summary& s, const std::string& scale) {
    const bool bytes = s.type == storage::Numeric::u8;
    if ((scale.empty() || scale == "auto" || scale == "unit") && bytes)
        return {s.low / 255.0, s.high / 255.0};
    if (scale == "minmax") return {0, 1};
    if (scale == "standard") return standardised(s);
    return {s.low, s.high};
}

datasets::Summary summarise(const datasets::Dataset& data, const recipes::Source& source) {
    return datasets::summarise(
        data, SerialLoop{}, 0, -1,
        source.masks() ? datasets::Counted::values : datasets::Counted::whole_rows);
}

std::string row_list(const datasets::Summary& s) {
    std::string text;
    for (const std::int64_t row : s.first_bad)
        text += (text.empty() ? "" : ", ") + std::to_string(row);
    return s.bad_rows > static_cast<std::int64_t>(s.first_bad.size()) ? text + ", ..." : text;
}

}  // namespace

std::vector<datasets::DataSpec> data_specs(const recipes::Source& source) {
    datasets::DataSpec beside;
    beside.format = source.format;
    beside.shape = source.shape;
    beside.type = source.sample_type;
    beside.label_column = source.label_column;
    beside.columns = source.columns;
    beside.window = source.window;
    beside.stride = source.stride;
    if (source.ply) beside.ply = *source.ply;
    return datasets::parse_data(source.data, beside);
}

std::shared_ptr<const datasets::Dataset> open_data(const recipes::Source& source) {
    const std::vector<datasets::DataSpec> specs = data_specs(source);
    return datasets::open(specs);
}

namespace {

// Labels 0 ... 99, not all the same: a training run tells its loss by them.
bool few_classes(const datasets::Dataset& data) {
    const std::vector<std::int64_t> labels = data.labels();
    if (labels.empty()) return false;
    const auto [low, high] = std::minmax_element(labels.begin(), labels.end());
    return *low >= 0 && *high < 100 && *low < *high;
}

}  // namespace

recipes::DataFacts training_facts(const datasets::Dataset& data, const recipes::Source& source,
                                  std::vector<std::string>* advice,
                                  std::vector<std::string>* details) {
    if (data.rows() < 1) throw Error(Fault::input, fmt::format("{} has no samples", data.name()));
    const datasets::Summary summary = summarise(data, source);
    const bool stop = source.on_bad_row.empty() || source.on_bad_row == "stop";
    if (summary.bad_rows > 0 && stop)
        throw Error(Fault::input,
                    fmt::format("{}: {} of {} rows hold NaN or Inf: {}", data.name(),
                                summary.bad_rows, summary.rows, row_list(summary)),
                    "--on-bad-row skip leaves them out, mask leaves out the values");
    if ((source.masks() ? summary.empty_rows : summary.bad_rows) == summary.rows)
        throw Error(Fault::input, fmt::format("{}: every row holds NaN or Inf", data.name()));
    const Range range = scaled(summary, source.scale);
    recipes::DataFacts facts{summary.rows, summary.sample, range.low, range.high,
                             few_classes(data)};
    const bool as_is = source.scale.empty() || source.scale == "auto";
    if (as_is && !facts.unit_range() && advice != nullptr)
        advice->push_back(
            fmt::format("values lie in [{:g}, {:g}]: kept as they are, with a linear output; "
                        "--scale minmax or standard may train better",
                        range.low, range.high));
    if (summary.constant_features > 0 && details != nullptr)
        details->push_back(fmt::format("{} of {} features are constant", summary.constant_features,
                                       summary.sample.elements()));
    return facts;
}

bool in_unit_range_for_model(const datasets::Dataset& data, const recipes::Source& source,
                             const std::string& model) {
    const ModelFacts facts = model_facts(model);
    if (facts.scaling == "unit" && data.type() == storage::Numeric::u8) return true;
    const datasets::Summary summary = summarise(data, source);
    double low = summary.low, high = summary.high;
    if (facts.shift.size() == summary.feature_low.size() && !facts.shift.empty()) {
        low = high = 0;
        for (std::size_t i = 0; i < facts.shift.size(); ++i) {
            const double a = (summary.feature_low[i] - facts.shift[i]) * facts.factor[i];
            const double b = (summary.feature_high[i] - facts.shift[i]) * facts.factor[i];
            low = std::min(low, std::min(a, b));
            high = std::max(high, std::max(a, b));
        }
    } else if (facts.shift.size() == 1) {
        low = (low - facts.shift[0]) * facts.factor[0];
        high = (high - facts.shift[0]) * facts.factor[0];
    }
    return low >= 0 && high <= 1;
}

void finish_evaluation(recipes::StreamOptions& options) {
    const auto data = open_data(options.source);
    options.bce = in_unit_range_for_model(*data, options.source, options.model);
    options.labels = !data->labels().empty();
    const ModelFacts facts = model_facts(options.model);
    options.gaussian = facts.gaussian;
    options.quantised = facts.quantised;
    options.likelihood = facts.likelihood;
    options.likelihood_scale = facts.likelihood_scale;
    options.learned_scale = facts.learned_scale;
    if (facts.likelihood == "bernoulli" && !options.bce)
        throw Error(Fault::input, "the model's likelihood is Bernoulli, but the data leaves [0, 1]",
                    "give it data of the training type and range");
}

}  // namespace narrows::program
