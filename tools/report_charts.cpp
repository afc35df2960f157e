#include "tools/report_charts.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

namespace narrows::tools {
namespace {

constexpr std::size_t most_named = 12;  // classes with a colour of their own on the map

std::vector<std::string> numbered(std::size_t count, std::size_t first) {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(std::to_string(first + i));
    return out;
}

std::string shown(double value) {
    return std::isfinite(value) ? fmt::format("{:.4g}", value) : "not a number";
}

std::string loss_axis(const std::string& pipeline) {
    for (const char* nats : {"loss.bce", "gaussian_nll", "laplace_nll"})
        if (pipeline.find(nats) != std::string::npos) return "loss (nats per sample)";
    if (pipeline.find("loss.mse") != std::string::npos) return "mean squared error (scaled units²)";
    return "loss (units of the training loss)";
}

using Log = std::map<std::string, std::vector<std::vector<double>>>;

void add_series(Chart& chart, const Log& log, const std::string& key, const std::string& name) {
    const auto found = log.find(key);
    if (found == log.end() || found->second.size() != 1 || found->second[0].empty()) return;
    const std::vector<double>& values = found->second[0];
    if (std::none_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
        return;
    chart.series.push_back({name, {}, values});
    chart.labels = numbered(values.size(), 1);
}

}  // namespace

Facts health_facts(const flow::Result& evaluation) {
    constexpr std::pair<const char*, const char*> known[] = {
        {"sse", "sum of squares per sample (scaled units²)"},
        {"mse", "mean squared error (scaled units²)"},
        {"bce", "cross entropy (nats per sample)"},
        {"negative_elbo", "negative ELBO (nats per sample)"},
        {"kl", "KL from the prior (nats per sample)"},
        {"active_units", "active units"},
        {"dead_units", "dead units"},
        {"saturated_units", "saturated units"},
        {"mean_correlation", "mean correlation between units (0 to 1)"},
        {"highest_correlation", "highest correlation (0 to 1)"},
        {"saturated_outputs", "share of grey outputs that are saturated"},
        {"used_entries", "entries of the codebook in use"},
        {"perplexity", "perplexity of the codebook (entries)"}};
    Facts out;
    for (const auto& [key, text] : known)
        if (const auto found = evaluation.numbers.find(key); found != evaluation.numbers.end())
            out.emplace_back(text, shown(found->second));
    return out;
}

std::vector<Chart> health_charts(const flow::Result& evaluation, const LabelText& label) {
    std::vector<Chart> out;
    if (const auto kl = evaluation.vectors.find("kl_per_dimension");
        kl != evaluation.vectors.end()) {
        Chart chart;
        chart.kind = Chart::Kind::bars;
        chart.title = "What each dimension carries";
        chart.caption =
            "KL of each dimension from the prior; near 0 it says nothing of its sample.";
        chart.x_axis = "dimension of the code (number)";
        chart.y_axis = "KL (nats per sample)";
        chart.labels = numbered(kl->second.size(), 0);
        chart.series = {{"KL", {}, kl->second}};
        out.push_back(std::move(chart));
    }
    const auto errors = evaluation.vectors.find("sse_by_class"),
               classes = evaluation.vectors.find("classes");
    if (errors != evaluation.vectors.end() && classes != evaluation.vectors.end() &&
        classes->second.size() > 1) {
        Chart chart;
        chart.kind = Chart::Kind::bars;
        chart.title = "Error of each class";
        chart.caption =
            "Mean over the samples of a class; a class far above the others is hard for "
            "this model, or rare.";
        chart.x_axis = "class (label)";
        chart.y_axis = "sum of squares (scaled units²)";
        for (const double value : classes->second)
            chart.labels.push_back(label(static_cast<std::int64_t>(value)));
        chart.series = {{"sum of squares", {}, errors->second}};
        out.push_back(std::move(chart));
    }
    return out;
}

std::vector<Chart> training_charts(const Log& log, const std::string& pipeline) {
    std::vector<Chart> out;
    const auto add = [&](Chart chart) {
        if (!chart.series.empty()) out.push_back(std::move(chart));
    };
    Chart loss;
    loss.title = "Loss";
    loss.x_axis = "epoch (passes over the data)";
    loss.y_axis = loss_axis(pipeline);
    add_series(loss, log, "loss", "training");
    add_series(loss, log, "validation_loss", "validation");
    add(loss);
    Chart units;
    units.title = "Units of the code";
    units.x_axis = loss.x_axis;
    units.zero = true;
    units.y_axis = "units (number)";
    add_series(units, log, "active_units", "active");
    add_series(units, log, "dead_units", "dead");
    add_series(units, log, "saturated_units", "saturated");
    add(units);
    Chart alike;
    alike.title = "Correlation between units";
    alike.x_axis = loss.x_axis;
    alike.zero = true;
    alike.y_axis = "correlation (absolute, 0 to 1)";
    add_series(alike, log, "mean_correlation", "mean");
    add_series(alike, log, "highest_correlation", "highest");
    add(alike);
    Chart kl;
    kl.title = "KL from the prior";
    kl.x_axis = loss.x_axis;
    kl.y_axis = "KL (nats per sample)";
    add_series(kl, log, "kl", "KL");
    add(kl);
    return out;
}

Chart error_chart(const std::vector<float>& distances) {
    constexpr std::size_t bins = 40;
    Chart chart;
    chart.kind = Chart::Kind::bars;
    chart.title = "Errors of all samples";
    chart.x_axis = "distance of a sample to its reconstruction (scaled units)";
    chart.y_axis = "samples (number)";
    std::vector<float> sorted;
    for (const float value : distances)
        if (std::isfinite(value)) sorted.push_back(value);
    if (sorted.empty()) {
        chart.caption = "No distance is a number.";
        return chart;
    }
    std::sort(sorted.begin(), sorted.end());
    const auto at = [&](double share) {
        return double{
            sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))]};
    };
    const double low = sorted.front(),
                 high = sorted.back() > sorted.front() ? sorted.back() : low + 1;
    std::vector<double> counts(bins, 0.0);
    for (const float value : sorted)
        counts[std::min(bins - 1, static_cast<std::size_t>((value - low) / (high - low) * bins))] +=
            1;
    for (std::size_t i = 0; i < bins; ++i)
        chart.labels.push_back(
            fmt::format("{:.3g}", low + (static_cast<double>(i) + 0.5) * (high - low) / bins));
    chart.series = {{"samples", {}, counts}};
    chart.caption = fmt::format("Median {:.4g}, 99 of 100 are below {:.4g}, highest {:.4g}.",
                                at(0.5), at(0.99), sorted.back());
    return chart;
}

Chart map_chart(const std::vector<float>& places, const std::vector<std::int64_t>& labels,
                const LabelText& label) {
    Chart chart;
    chart.kind = Chart::Kind::points;
    chart.equal = true;
    chart.title = "Codes in the plane";
    chart.x_axis = "first direction (no unit)";
    chart.y_axis = "second direction (no unit)";
    const std::size_t samples = places.size() / 2;
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (std::size_t i = 0; i < places.size(); ++i) {
        low[i % 2] = std::min(low[i % 2], double{places[i]});
        high[i % 2] = std::max(high[i % 2], double{places[i]});
    }
    const double widest = std::max({high[0] - low[0], high[1] - low[1], 1e-30});
    const std::set<std::int64_t> known(labels.begin(), labels.end());
    std::map<std::int64_t, std::size_t> place;
    for (const std::int64_t one : known) {
        if (place.size() == most_named) break;
        place.emplace(one, place.size());
        chart.series.push_back({label(one), {}, {}});
    }
    if (known.size() > place.size()) chart.series.push_back({"other classes", {}, {}});
    if (chart.series.empty()) chart.series.push_back({"samples", {}, {}});
    for (std::size_t i = 0; i < samples; ++i) {
        std::size_t at = 0;
        if (!labels.empty()) {
            const auto found = place.find(labels[i]);
            at = found == place.end() ? place.size() : found->second;
        }
        for (std::size_t axis = 0; axis < 2; ++axis) {
            const double middle = (low[axis] + high[axis]) / 2;
            const double value = 2 * (places[2 * i + axis] - middle) / widest;
            (axis == 0 ? chart.series[at].x : chart.series[at].y).push_back(value);
        }
    }
    return chart;
}

std::vector<std::vector<std::string>> probe_table(const flow::Result& probe) {
    const bool values = probe.numbers.count("linear_r2") > 0;
    std::vector<std::vector<std::string>> out{
        {values ? "R squared from" : "accuracy from", "linear model", "nearest neighbours"}};
    for (const auto& [prefix, name] :
         {std::pair{"", "codes"}, {"raw_", "raw input"}, {"pca_", "PCA of the same size"}}) {
        std::vector<std::string> row{name};
        for (const char* kind : {"linear_", "knn_"}) {
            const std::string key = std::string(prefix) + kind + (values ? "r2" : "accuracy");
            const auto value = probe.numbers.find(key),
                       spread = probe.numbers.find(key + "_spread");
            if (value == probe.numbers.end())
                row.push_back("–");
            else if (values)
                row.push_back(spread == probe.numbers.end()
                                  ? fmt::format("{:.4f}", value->second)
                                  : fmt::format("{:.4f} ± {:.4f}", value->second, spread->second));
            else if (spread == probe.numbers.end())
                row.push_back(fmt::format("{:.2f} %", 100 * value->second));
            else
                row.push_back(
                    fmt::format("{:.2f} ± {:.2f} %", 100 * value->second, 100 * spread->second));
        }
        out.push_back(std::move(row));
    }
    return out;
}

std::vector<Box> boxes(const language::Pipeline& pipeline,
                       const std::vector<flow::NodeStatistics>& times) {
    std::vector<Box> out;
    for (const language::NodeSpec& node : pipeline.nodes) {
        Box box;
        box.id = node.id;
        box.type = node.type;
        for (const flow::NodeStatistics& one : times) {
            if (one.id != node.id) continue;
            box.seconds = one.seconds;
            box.waiting_share = one.waiting_share;
        }
        for (const language::Connection& from : node.inputs)
            if (std::find(box.reads.begin(), box.reads.end(), from.from_node) == box.reads.end())
                box.reads.push_back(from.from_node);
        out.push_back(std::move(box));
    }
    return out;
}

}  // namespace narrows::tools
