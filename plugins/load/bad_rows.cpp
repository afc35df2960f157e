#include "plugins/load/bad_rows.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/simd/kernels.hpp"
#include "pipeline/storage/array_file.hpp"

namespace narrows::plugins {

void refuse_row(const datasets::Dataset& data, std::int64_t row) {
    throw Error(Fault::input, fmt::format("row {} of {} holds NaN or Inf", row, data.name()),
                "--on-bad-row skip leaves such rows out, mask such values");
}

std::shared_ptr<const datasets::Dataset> without_bad_rows(
    OpenContext& context, std::shared_ptr<const datasets::Dataset> data,
    std::string_view on_bad_row, datasets::Summary& summary) {
    summary = datasets::summarise(*data, storage::loop(), 0, -1, counted(on_bad_row));
    if (summary.bad_rows == 0) return data;
    const bool mask = on_bad_row == "mask";
    if (on_bad_row == "stop") {
        std::string rows;
        for (const std::int64_t row : summary.first_bad)
            rows += (rows.empty() ? "" : ", ") + std::to_string(row);
        throw Error(
            Fault::input,
            fmt::format("{}: {} of {} rows hold NaN or Inf: {}{}", data->name(), summary.bad_rows,
                        summary.rows, rows,
                        summary.bad_rows > static_cast<std::int64_t>(summary.first_bad.size())
                            ? ", ..."
                            : ""),
            "--on-bad-row skip leaves them out, mask leaves out the values");
    }
    const std::int64_t left_out = mask ? summary.empty_rows : summary.bad_rows;
    if (left_out == summary.rows)
        throw Error(
            Fault::input,
            fmt::format("{}: every row holds {}NaN or Inf", data->name(), mask ? "only " : ""),
            mask ? "look at the data: there is nothing to learn from"
                 : "train, evaluate, encode and reconstruct take such rows with "
                   "--on-bad-row mask, which leaves out the values");
    if (mask)
        context.warn(
            fmt::format("{} values in {} of {} rows are missing: they leave loss and gradient",
                        summary.missing_values, summary.bad_rows, summary.rows));
    if (mask && summary.empty_features > 0)
        context.warn(fmt::format("{} of {} features have no value at all", summary.empty_features,
                                 data->sample().elements()));
    if (left_out == 0) return data;
    context.warn(fmt::format("{} of {} rows hold {} and are left out", left_out, summary.rows,
                             mask ? "no value" : "NaN or Inf"));
    const auto features = static_cast<std::size_t>(data->sample().elements());
    const auto stays = [&](const std::vector<float>& row) {
        if (!mask) return simd::kernels().all_finite(row.data(), features);
        return std::any_of(row.begin(), row.end(),
                           [](float value) { return std::isfinite(value); });
    };
    std::vector<std::int64_t> good;
    std::vector<float> row(features);
    for (std::int64_t r = 0; r < data->rows(); ++r) {
        data->read(r, 1, row.data());
        if (stays(row)) good.push_back(r);
    }
    return datasets::select(std::move(data), std::move(good));
}

}  // namespace narrows::plugins
