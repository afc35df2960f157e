#include "plugins/load/scaling.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/simd/kernels.hpp"

namespace narrows::plugins {
namespace {

using storage::Numeric;

bool is_float(const std::string& type) { return type.starts_with('f'); }

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
            out.factor.push_back(width > 0 ? 1 / width : 1.0f);   // constant: becomes 0
        }
    } else if (out.kind == "standard") {
        out.shift = summary.mean;
        for (const float deviation : summary.deviation) out.factor.push_back(deviation > 0 ? 1 / deviation : 1.0f);
    }
    return out;
}

// At most 1024 rows, evenly spread, are looked at: enough to notice other units.
void check_fits(const model::Scaling& scaling, const datasets::Dataset& data) {
    const std::string type = storage::to_string(data.type());
    if (!scaling.source_type.empty() && type != scaling.source_type &&
        !(is_float(type) && is_float(scaling.source_type)))
        throw Error(Fault::input,
                    fmt::format("the model was trained on {} values, but {} holds {}", scaling.source_type,
                                data.name(), type),
                    "give it data of the training type; --scale none takes values as they are");
    if (scaling.low.empty() || scaling.high.empty() || data.rows() == 0) return;
    const auto features = static_cast<std::size_t>(data.sample().elements());
    std::vector<float> row(features);
    const std::int64_t looks = std::min<std::int64_t>(1024, data.rows());
    const float width = std::max(scaling.high[0] - scaling.low[0], 1e-30f);
    for (std::int64_t look = 0; look < looks; ++look) {
        const std::int64_t at = data.rows() * look / looks;
        data.read(at, 1, row.data());
        const auto [low, high] = std::minmax_element(row.begin(), row.end());
        if (*low >= scaling.low[0] - width && *high <= scaling.high[0] + width) continue;
        if (!std::isfinite(*low) || !std::isfinite(*high)) continue;   // reported with its row later
        throw Error(Fault::input,
                    fmt::format("row {} of {} has values in [{:g}, {:g}], the training data was in [{:g}, {:g}]",
                                at, data.name(), *low, *high, scaling.low[0], scaling.high[0]),
                    "the data is in other units, or not what the model was trained on");
    }
}

void apply_scaling(const model::Scaling& scaling, float* values, std::size_t features, std::size_t rows) {
    if (scaling.factor.empty()) return;
    const bool one = scaling.factor.size() == 1;
    simd::kernels().affine(values, scaling.shift.data(), scaling.factor.data(), one ? 1 : features,
                           one ? rows * features : rows, values);
}

}  // namespace narrows::plugins
