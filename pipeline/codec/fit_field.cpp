#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/codec/fit.hpp"
#include "pipeline/codec/solve.hpp"

namespace narrows::codec {

namespace {

struct Offset {
    std::int32_t plane, line, column;
};
// Nearest first.
constexpr Offset neighbours[] = {
    {0, 0, -1},  {0, -1, 0}, {-1, 0, 0},   {0, -1, -1}, {0, -1, 1},  {-1, 0, -1}, {-1, 0, 1},
    {-1, -1, 0}, {-1, 1, 0}, {0, 0, -2},   {0, -2, 0},  {-2, 0, 0},  {0, -1, -2}, {0, -1, 2},
    {0, -2, -1}, {0, -2, 1}, {-1, -1, -1}, {-1, -1, 1}, {-1, 1, -1}, {-1, 1, 1},  {0, 0, -3},
    {-1, 0, 2},  {-1, 2, 0}, {-1, 0, -2},  {-1, -2, 0}, {0, -2, -2}, {0, -2, 2},  {-3, 0, 0}};

constexpr std::size_t most_places = 400'000;
constexpr std::size_t tasks = 16;  // of the sums; fixed, so that they do not depend on threads

struct Planes {
    const Sample& sample;
    std::size_t lines, columns, count;
    std::vector<double> centred;
    double at(std::size_t plane, std::size_t line, std::size_t column, const Offset& o) const {
        const auto p = static_cast<std::ptrdiff_t>(plane) + o.plane;
        const auto l = static_cast<std::ptrdiff_t>(line) + o.line;
        const auto c = static_cast<std::ptrdiff_t>(column) + o.column;
        if (p < 0 || l < 0 || c < 0 || l >= static_cast<std::ptrdiff_t>(lines) ||
            c >= static_cast<std::ptrdiff_t>(columns))
            return 0;
        return centred[(static_cast<std::size_t>(p) * lines + static_cast<std::size_t>(l)) *
                           columns +
                       static_cast<std::size_t>(c)];
    }
};

std::vector<Offset> usable(std::size_t planes, std::size_t lines, std::size_t columns,
                           std::size_t most) {
    std::vector<Offset> out;
    for (const Offset& o : neighbours) {
        if (out.size() == most) break;
        if ((o.plane != 0 && planes < 2) || (o.line != 0 && lines < 3) ||
            (o.column != 0 && columns < 3))
            continue;
        out.push_back(o);
    }
    return out;
}

StencilModel fit(const Planes& planes, const std::vector<Offset>& offsets, const Loop& loop) {
    const std::size_t n = offsets.size(), places = planes.centred.size();
    const std::size_t stride = std::max<std::size_t>(1, places / most_places);
    std::vector<std::vector<double>> parts(tasks, std::vector<double>(n * n + n, 0.0));
    loop.each(tasks, [&](std::size_t task) {
        std::vector<double>& sums = parts[task];
        std::vector<double> x(n);
        const std::size_t first = places * task / tasks, last = places * (task + 1) / tasks;
        for (std::size_t at = first; at < last; at += stride) {
            const std::size_t column = at % planes.columns,
                              line = at / planes.columns % planes.lines,
                              plane = at / planes.columns / planes.lines;
            for (std::size_t i = 0; i < n; ++i) x[i] = planes.at(plane, line, column, offsets[i]);
            const double y = planes.centred[at];
            for (std::size_t i = 0; i < n; ++i) {
                for (std::size_t j = 0; j < n; ++j) sums[i * n + j] += x[i] * x[j];
                sums[n * n + i] += x[i] * y;
            }
        }
    });
    std::vector<double> matrix(n * n, 0.0), right(n, 0.0);
    for (const auto& part : parts) {
        for (std::size_t i = 0; i < n * n; ++i) matrix[i] += part[i];
        for (std::size_t i = 0; i < n; ++i) right[i] += part[n * n + i];
    }
    const double used = static_cast<double>(places) / static_cast<double>(stride);
    for (std::size_t i = 0; i < n; ++i)
        matrix[i * n + i] += used * planes.sample.bound * planes.sample.bound / 3 +
                             matrix[i * n + i] * 1e-12 + 1e-300;
    StencilModel model;
    if (!solve(matrix, right)) return model;
    for (std::size_t i = 0; i < n; ++i)
        if (static_cast<float>(right[i]) != 0 && std::isfinite(static_cast<float>(right[i])))
            model.terms.push_back({offsets[i].plane, offsets[i].line, offsets[i].column, right[i]});
    return model;
}

}  // namespace

std::vector<FittedModel> fit_field(const Sample& sample, std::size_t lines, std::size_t columns,
                                   const Loop& loop) {
    const std::size_t plane = lines * columns;
    if (plane == 0 || sample.values.size() < 64 || sample.values.size() % plane != 0) return {};
    Planes planes{sample, lines, columns, sample.values.size() / plane, sample.values};
    std::vector<FittedModel> fitted;
    for (const bool with_mean : {false, true}) {
        std::vector<double> mean;
        if (with_mean) {
            if (planes.count < 16 || plane > 1u << 20) break;
            mean.assign(plane, 0.0);
            for (std::size_t i = 0; i < sample.values.size(); ++i)
                mean[i % plane] += sample.values[i];
            for (double& value : mean) value /= static_cast<double>(planes.count);
        } else {
            // Around one middle, so that edges are not far from everything.
            double sum = 0;
            for (const double value : sample.values) sum += value;
            const double middle_value = sum / static_cast<double>(sample.values.size());
            for (double& value : planes.centred) value -= middle_value;
            mean.assign(1, middle_value);
        }
        if (with_mean)
            for (std::size_t i = 0; i < sample.values.size(); ++i)
                planes.centred[i] = sample.values[i] - mean[i % plane];
        double spread = 0;
        for (const double value : planes.centred) spread += value * value;
        spread = std::sqrt(spread / static_cast<double>(planes.centred.size()));
        if (!(spread > 0) || !std::isfinite(spread)) continue;
        for (const std::size_t most : {std::size_t{7}, std::size_t{28}}) {
            const std::vector<Offset> offsets = usable(planes.count, lines, columns, most);
            if (offsets.empty()) continue;
            StencilModel model = fit(planes, offsets, loop);
            if (model.terms.empty()) continue;
            model.lines = with_mean ? static_cast<std::uint32_t>(lines) : 1;
            model.columns = with_mean ? static_cast<std::uint32_t>(columns) : 1;
            model.mean = mean;
            FittedModel one;
            one.bytes = write_model(model, std::max(sample.bound / 4, spread * 1e-5));
            one.model = read_model(one.bytes);
            one.name =
                fmt::format("{} neighbours{}", offsets.size(), with_mean ? ", mean pattern" : "");
            fitted.push_back(std::move(one));
        }
    }
    return fitted;
}

}  // namespace narrows::codec
