#include "plugins/store/run_state.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/model/model_file.hpp"
#include "plugins/encode/element.hpp"

namespace narrows::plugins {

namespace {

using storage::Array;
using storage::Bundle;

constexpr std::string_view moment_names[] = {"first", "second"};

Array array_of(std::string path, const model::NamedValues& values) {
    return Array::of<float>(std::move(path), values.shape,
                            {values.values.data(), values.values.size()});
}

std::int64_t integer(const Bundle& bundle, std::string_view name) {
    const storage::Attribute* value = bundle.attribute(name);
    if (value == nullptr || !std::holds_alternative<std::int64_t>(*value))
        throw Error(Fault::input, "the checkpoint has no " + std::string(name),
                    "take an earlier checkpoint, or start again");
    return std::get<std::int64_t>(*value);
}

// The arrays below `prefix`, named without it.
std::vector<model::NamedValues> values_below(const Bundle& bundle, const std::string& prefix) {
    std::vector<model::NamedValues> all;
    for (const Array& array : bundle.arrays) {
        if (!array.path.starts_with(prefix) || array.type != Type::f32) continue;
        const std::span<const float> from = array.as<float>();
        model::NamedValues values{array.path.substr(prefix.size()), array.shape, {}};
        values.values.resize({from.size()});
        std::copy(from.begin(), from.end(), values.values.begin());
        all.push_back(std::move(values));
    }
    return all;
}

}  // namespace

void add_history(const Progress& progress, Bundle& bundle) {
    const std::vector<std::string>& names = progress.history_names;
    const auto epochs = static_cast<std::int64_t>(progress.history.size());
    for (std::size_t column = 0, width = 1; column < names.size(); column += width) {
        std::string name = names[column];
        Shape shape{epochs};
        width = 1;
        if (name.ends_with("[0]")) {  // NAME[0], NAME[1], ... are one array [epoch, value]
            name.resize(name.size() - 3);
            while (column + width < names.size() && names[column + width] == element(name, width))
                ++width;
            shape.push_back(static_cast<std::int64_t>(width));
        }
        std::vector<double> values;
        for (const std::vector<double>& row : progress.history)
            for (std::size_t i = 0; i < width; ++i) values.push_back(row.at(column + i));
        bundle.arrays.push_back(Array::of<double>("/log/" + name, shape, values));
    }
}

Bundle save_run(const model::Autoencoder& model, const Progress& progress, std::uint64_t best_step,
                std::string_view pipeline) {
    Bundle bundle;
    bundle.format = "narrows-checkpoint";
    bundle.step = steps_done(progress);
    bundle.attributes = {{"step", static_cast<std::int64_t>(progress.step)},
                         {"epoch", static_cast<std::int64_t>(progress.epoch)},
                         {"samples_seen", static_cast<std::int64_t>(progress.samples_seen)},
                         {"best_loss", progress.best_loss},
                         {"best_epoch", static_cast<std::int64_t>(progress.best_epoch)},
                         {"best_step", static_cast<std::int64_t>(best_step)},
                         {"complete", std::int64_t{progress.complete}},
                         {"stage", static_cast<std::int64_t>(progress.stage)},
                         {"steps_before", static_cast<std::int64_t>(progress.steps_before)}};
    for (const model::NamedValues& values : model.weights())
        bundle.arrays.push_back(array_of("/model/" + values.name, values));
    for (int moment = 0; moment < 2; ++moment)
        for (const model::NamedValues& values : model.weights(moment))
            if (values.values.size() > 0)
                bundle.arrays.push_back(array_of(
                    "/optimiser/" + std::string(moment_names[moment]) + "/" + values.name, values));
    for (const model::NamedValues& values : model.statistics())
        bundle.arrays.push_back(array_of("/statistics/" + values.name, values));
    add_history(progress, bundle);
    for (const Progress::Partial& partial : progress.partial) {
        const std::array<double, 2> values{partial.sum, partial.weight};
        bundle.arrays.push_back(Array::of<double>("/partial/" + partial.name, Shape{2}, values));
    }
    bundle.arrays.push_back(config_array(pipeline));
    if (model.scaling()) model::add_scaling(bundle, *model.scaling());
    return bundle;
}

std::string difference_of_data(const Bundle& bundle, const model::Autoencoder& model) {
    if (!model.scaling()) return {};
    const model::Scaling then = model::stored_scaling(bundle);
    const auto compare = [](const char* what, const std::vector<float>& before,
                            const std::vector<float>& now) -> std::string {
        if (before.empty() || before.size() != now.size()) return {};  // of an earlier version
        const auto [was, is] = std::mismatch(before.begin(), before.end(), now.begin());
        if (was == before.end() || (std::isnan(*was) && std::isnan(*is))) return {};
        return fmt::format("the {} of feature {} is {:g}, was {:g}", what, was - before.begin(),
                           *is, *was);
    };
    const model::Scaling& now = *model.scaling();
    for (std::string text : {compare("mean", then.mean, now.mean),
                             compare("deviation", then.deviation, now.deviation)})
        if (!text.empty()) return text;
    if (!then.low.empty() && !now.low.empty() && then.low[0] != now.low[0])
        return fmt::format("the least value is {:g}, was {:g}", now.low[0], then.low[0]);
    if (!then.high.empty() && !now.high.empty() && then.high[0] != now.high[0])
        return fmt::format("the largest value is {:g}, was {:g}", now.high[0], then.high[0]);
    return {};
}

void load_weights(const Bundle& bundle, model::Autoencoder& model) {
    model.set_weights(values_below(bundle, "/model/"));
}

void load_moments(const Bundle& bundle, model::Autoencoder& model) {
    for (int moment = 0; moment < 2; ++moment) {
        const std::vector<model::NamedValues> values =
            values_below(bundle, "/optimiser/" + std::string(moment_names[moment]) + "/");
        if (!values.empty()) model.set_weights(values, moment);
    }
    model.set_statistics(values_below(bundle, "/statistics/"));
}

Progress load_progress(const Bundle& bundle) {
    Progress progress;
    progress.step = static_cast<std::uint64_t>(integer(bundle, "step"));
    progress.epoch = static_cast<std::uint32_t>(integer(bundle, "epoch"));
    progress.samples_seen = static_cast<std::uint64_t>(integer(bundle, "samples_seen"));
    progress.best_epoch = static_cast<std::uint32_t>(integer(bundle, "best_epoch"));
    progress.complete = integer(bundle, "complete") != 0;
    if (bundle.attribute("stage") != nullptr) {
        progress.stage = static_cast<std::uint32_t>(integer(bundle, "stage"));
        progress.steps_before = static_cast<std::uint64_t>(integer(bundle, "steps_before"));
    }
    if (const auto* loss = bundle.attribute("best_loss"))
        if (const auto* value = std::get_if<double>(loss)) progress.best_loss = *value;
    constexpr std::string_view log = "/log/", part = "/partial/";
    for (const Array& array : bundle.arrays) {
        if (array.type != Type::f64) continue;
        if (array.path.starts_with(part) && array.as<double>().size() == 2)
            progress.partial.push_back(
                {array.path.substr(part.size()), array.as<double>()[0], array.as<double>()[1]});
        if (!array.path.starts_with(log)) continue;
        const std::span<const double> values = array.as<double>();
        const std::string name = array.path.substr(log.size());
        const bool vector = array.shape.rank() == 2;
        const auto width = vector ? static_cast<std::size_t>(array.shape[1]) : std::size_t{1};
        for (std::size_t i = 0; i < width; ++i)
            progress.history_names.push_back(vector ? element(name, i) : name);
        progress.history.resize(std::max(progress.history.size(), values.size() / width));
        for (std::size_t i = 0; i < values.size(); ++i)
            progress.history[i / width].push_back(values[i]);
    }
    return progress;
}

std::uint64_t load_best_step(const Bundle& bundle) {
    return static_cast<std::uint64_t>(integer(bundle, "best_step"));
}

Array config_array(std::string_view pipeline) {
    return Array::of<std::uint8_t>(
        "/config", Shape{static_cast<std::int64_t>(pipeline.size())},
        {reinterpret_cast<const std::uint8_t*>(pipeline.data()), pipeline.size()});
}

std::string text_of(const Bundle& bundle, std::string_view path) {
    const Array* array = bundle.find(path);
    if (array == nullptr) return {};
    return {reinterpret_cast<const char*>(array->bytes.data()), array->bytes.size()};
}

}  // namespace narrows::plugins
