#include "tools/report_measure.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pipeline/pictures/grid.hpp"
#include "pipeline/storage/array_file.hpp"
#include "tools/console.hpp"
#include "tools/data_facts.hpp"
#include "tools/model_facts.hpp"
#include "tools/report_charts.hpp"
#include "tools/report_files.hpp"
#include "tools/stop.hpp"
#include "tools/text_file.hpp"

namespace narrows::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t shown_each = 8;  // best, typical and worst reconstructions
constexpr std::int64_t shown_units = 32, shown_samples = 32, path_steps = 8, paths = 4;

struct Stopped {};

template <class T>
std::vector<T> column(const std::string& file, const std::string& path) {
    const auto array = storage::open_array(file, path);
    const Shape& shape = array->info().shape;
    std::vector<T> out(static_cast<std::size_t>(shape.elements()));
    array->read(0, shape[0], reinterpret_cast<std::byte*>(out.data()));
    return out;
}

class Reporter {
public:
    Reporter(const Common& common, const recipes::Session& session, const ReportOptions& options)
        : common_(common), session_(session), o_(options), data_(open_data(o_.evaluate.source)) {
        take_labels();
    }

    Measured measure(const language::Pipeline& evaluation) {
        say(common_, fmt::format("report: measuring {} samples", data_->rows()));
        Measured& out = measured_;
        out.evaluation = run(evaluation, &out.page.warnings);
        describe(evaluation);
        training();
        score();
        reconstructions();
        part(out.page.units, "Units of the code", [&] { return units(); });
        part(out.page.generated, "New samples", [&] { return samples(); });
        part(out.page.generated, "Ways between samples", [&] { return ways(); });
        map();
        probe();
        times(evaluation);
        return std::move(measured_);
    }

private:
    flow::Result run(const language::Pipeline& pipeline,
                     std::vector<std::string>* words = nullptr) {
        flow::Settings settings;
        settings.threads = static_cast<std::size_t>(common_.threads);
        settings.stop = &stop_signal();
        const auto keep = [&](const std::string& text) {
            if (words != nullptr) words->push_back(text);
        };
        FunctionRef<void(const std::string&)> keep_ref(keep);
        settings.warn = &keep_ref;
        const StopScope scope;
        flow::Result result = session_.run(pipeline, settings);
        if (result.stopped) throw Stopped{};
        return result;
    }
    flow::Result run(const std::string& text) { return run(session_.parse(text, "report")); }

    // A part whose verb refuses the model or the data is left out, and the page says why.
    template <class Body>
    void part(std::vector<Picture>& list, const std::string& title, Body body) {
        try {
            list.push_back(body());
        } catch (const Error& error) {
            list.push_back({title, fmt::format("Left out: {}.", error.what()), {}});
        }
    }

    void take_labels() {
        if (o_.labels.empty()) {
            labels_ = data_->labels();
            names_ = data_->label_names();
            // Text that holds numbers with fractions is given as names.
            if (names_.empty() || o_.evaluate.source.window > 0) return;
        }
        const datasets::Labels labels =
            o_.labels.empty() ? datasets::open_labels(data_specs(o_.evaluate.source))
                              : datasets::open_labels(datasets::parse_data(o_.labels));
        if (static_cast<std::int64_t>(labels.size()) != data_->rows())
            throw Error(
                Fault::input,
                fmt::format("there are {} labels for {} samples", labels.size(), data_->rows()),
                "give one label a sample");
        labels_ = labels.values;
        names_ = labels.names;
        targets_ = labels.targets;
    }

    std::string label_text(std::int64_t label) const {
        const bool named = label >= 0 && label < static_cast<std::int64_t>(names_.size());
        return named ? names_[static_cast<std::size_t>(label)] : std::to_string(label);
    }

    std::string part_of_data(const std::string& name, const std::vector<std::int64_t>& rows) const {
        const std::string file = scratch_.file(name);
        write_rows(file, *data_, rows, labels_, names_);
        return file;
    }

    std::string targets_of(const std::vector<std::int64_t>& rows) const {
        const std::string file = scratch_.file("targets.csv");
        write_values(file, targets_, rows);
        return file;
    }

    recipes::Source plain_source(const std::string& file) const {
        recipes::Source source;
        source.data = {file};
        source.scale = o_.evaluate.source.scale;
        source.on_bad_row = o_.evaluate.source.on_bad_row;
        return source;
    }

    recipes::StreamOptions stream(const std::string& output) const {
        recipes::StreamOptions stream;
        stream.model = o_.evaluate.model;
        stream.seed = o_.evaluate.seed;
        stream.output = output;
        return stream;
    }

    void describe(const language::Pipeline& evaluation) {
        ReportPage& page = measured_.page;
        flow::Settings settings;
        const flow::Drawing drawing = session_.inspect(evaluation, settings);
        const storage::FileInfo info = storage::look(o_.evaluate.model);
        const std::string model = fs::path(o_.evaluate.model).filename().string();
        page.title = fmt::format("{} on {}", model, data_->name());
        page.subtitle = fmt::format("{} samples of {}, {}", data_->rows(),
                                    to_string(data_->sample()), to_string(data_->type()));
        page.version = version;
        page.facts.emplace_back("data", data_->name());
        if (!drawing.models.empty())
            page.facts.emplace_back("model", drawing.models.begin()->second);
        for (const auto& [name, value] : info.attributes) {
            if (name != "parameters" && name != "model_sha256" && name != "scaling" &&
                name != "likelihood" && name != "latent")
                continue;
            const std::string shown = name == "model_sha256" ? "model hash" : name;
            if (const auto* text = std::get_if<std::string>(&value))
                page.facts.emplace_back(shown, *text);
            else if (const auto* whole = std::get_if<std::int64_t>(&value))
                page.facts.emplace_back(shown, std::to_string(*whole));
        }
        page.facts.emplace_back("seed", std::to_string(o_.evaluate.seed));
        try {
            config_ = stored_pipeline(o_.evaluate.model);
            page.repeat.emplace_back("The pipeline that trained it (narrows run FILE.toml)",
                                     config_);
        } catch (const Error&) {
            // a model that was made without one
        }
        page.repeat.emplace_back("The pipeline that measured it", evaluation.text);
        page.repeat.emplace_back(
            "This report",
            fmt::format("narrows report {} -m {} -o {} --seed {}", data_->name(), model,
                        fs::path(o_.output).filename().string(), o_.evaluate.seed));
        page.health = health_facts(measured_.evaluation);
        page.codes = health_charts(measured_.evaluation,
                                   [this](std::int64_t label) { return label_text(label); });
    }

    void training() {
        std::map<std::string, std::vector<std::vector<double>>> log;  // name -> columns
        for (const storage::ArrayInfo& array : storage::look(o_.evaluate.model).arrays) {
            if (!array.path.starts_with("/log/") || array.type != storage::Numeric::f64) continue;
            const auto values = column<double>(o_.evaluate.model, array.path);
            const auto width =
                array.shape.rank() == 2 ? static_cast<std::size_t>(array.shape[1]) : std::size_t{1};
            std::vector<std::vector<double>>& columns = log[array.path.substr(5)];
            columns.resize(width);
            for (std::size_t i = 0; i < values.size(); ++i) columns[i % width].push_back(values[i]);
        }
        measured_.page.curves = training_charts(log, config_);
    }

    void score() {
        recipes::ScoreOptions score;
        score.source = o_.evaluate.source;
        score.model = o_.evaluate.model;
        score.seed = o_.evaluate.seed;
        score.output = scratch_.file("scores.h5");
        run(recipes::score(score));
        scores_ = column<float>(score.output, "/scores");
        rows_ = column<std::int64_t>(score.output, "/ids");
        measured_.page.errors = {error_chart(scores_)};
    }

    void reconstructions() {
        std::vector<std::size_t> order(scores_.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(),
                         [&](std::size_t a, std::size_t b) { return scores_[a] < scores_[b]; });
        const std::size_t count = std::min(shown_each, order.size());
        const std::size_t middle = (order.size() - count) / 2, last = order.size() - count;
        // Rows of what was read; with bad rows left out, ids still are row numbers.
        const auto take = [&](const char* title, const char* file, std::size_t first) {
            std::vector<std::int64_t> rows;
            for (std::size_t i = first; i < first + count; ++i) rows.push_back(row_of(order[i]));
            recipes::StreamOptions stream = this->stream(scratch_.file(std::string(file) + ".png"));
            stream.source = plain_source(part_of_data(std::string(file) + ".h5", rows));
            stream.picture = picture(static_cast<std::int64_t>(count), 4);
            const flow::Result drawn = run(recipes::reconstruct(stream));
            const auto [low, high] =
                std::minmax(scores_[order[first]], scores_[order[first + count - 1]]);
            std::string ids;
            for (const std::int64_t row : rows)
                ids += (ids.empty() ? "" : ", ") + std::to_string(row);
            return Picture{
                title,
                fmt::format("{} Distance {:.4g} to {:.4g} in scaled units; rows {}.",
                            drawn_as(drawn) == "curves"
                                ? "Samples blue, reconstructions orange." + axes_of(drawn)
                                : "Samples above, reconstructions below." + axes_of(drawn),
                            low, high, ids),
                picture_of(stream.output)};
        };
        std::vector<Picture>& list = measured_.page.reconstructions;
        part(list, "Best", [&] { return take("Best", "best", 0); });
        part(list, "Typical", [&] { return take("Typical", "typical", middle); });
        part(list, "Worst", [&] { return take("Worst", "worst", last); });
    }

    std::int64_t row_of(std::size_t sample) const {
        // ids are those of the source's own file; places are those of the opened data.
        const bool dropped = static_cast<std::int64_t>(scores_.size()) != data_->rows();
        return dropped ? rows_[sample] : static_cast<std::int64_t>(sample);
    }

    // What the picture's axes and colours stand for, where a reader cannot know.
    static std::string axes_of(const flow::Result& drawn) {
        const auto low = drawn.numbers.find("low"), high = drawn.numbers.find("high");
        if (low == drawn.numbers.end() || high == drawn.numbers.end()) return {};
        if (drawn_as(drawn) == "curves")
            return fmt::format(
                " Steps from left to right, values from {:.4g} at the bottom to {:.4g} at the top, "
                "in "
                "units of the data.",
                low->second, high->second);
        if (drawn_as(drawn) == "field")
            return fmt::format(
                " Colours from {:.4g} (dark) to {:.4g} (light), in units of the data.", low->second,
                high->second);
        return {};
    }
    static std::string drawn_as(const flow::Result& drawn) {
        const auto colours = drawn.texts.find("colours");
        return colours == drawn.texts.end() ? std::string() : colours->second;
    }
    bool drawn_as_curves() const {
        const Shape own = data_->sample();
        if (o_.picture.style == "pictures") return false;
        if (o_.picture.style == "curves") return true;
        if (o_.picture.sample_shape.empty()) return pictures::layout_of(own, {}).curves;
        Shape shape;
        for (const std::int64_t extent : o_.picture.sample_shape) shape.push_back(extent);
        return pictures::layout_of(shape, {}).curves;
    }

    recipes::PictureOptions picture(std::int64_t count, std::int64_t columns) const {
        recipes::PictureOptions picture = o_.picture;
        picture.count = count;
        picture.columns = columns;
        return picture;
    }

    Picture units() {
        recipes::UnitsOptions units;
        units.model = o_.evaluate.model;
        units.output = scratch_.file("units.png");
        units.seed = o_.evaluate.seed;
        units.layer = "code";
        const bool curves = drawn_as_curves();
        units.picture = picture(shown_units, curves ? 4 : 8);
        units.picture.scale = 0;
        const flow::Result drawn = run(recipes::units(units));
        const auto method = drawn.texts.find("method");
        const std::string how = method != drawn.texts.end() && method->second == "weights"
                                    ? "its weights"
                                    : "the change of the mean sample that raises it most";
        return {
            "Units of the code",
            fmt::format("What each of {} units responds to: {}. {} Each has a range of its own.",
                        drawn.numbers.at("pictures"), how,
                        curves ? "Above the thin line raises the unit, below lowers it."
                               : "Red raises the unit, blue lowers it."),
            picture_of(units.output)};
    }

    Picture samples() {
        recipes::StreamOptions stream = this->stream(scratch_.file("samples.png"));
        stream.samples = shown_samples;
        stream.picture = picture(shown_samples, drawn_as_curves() ? 4 : 8);
        if (!o_.evaluate.gaussian) {  // no prior of its own: one is fitted to the codes
            stream.fit = subset();
            stream.components = 20;
        }
        const flow::Result drawn = run(recipes::sample(stream));
        const char* from =
            o_.evaluate.gaussian
                ? "Drawn from the prior and decoded."
                : "Drawn from a mixture of 20 normal distributions that was fitted to the codes.";
        return {"New samples", from + axes_of(drawn), picture_of(stream.output)};
    }

    Picture ways() {
        const std::vector<std::int64_t> rows = spread(data_->rows(), 2 * paths);
        const std::string file = part_of_data("ends.h5", rows);
        const auto half = static_cast<std::int64_t>(rows.size()) / 2;
        if (half == 0) throw Error(Fault::input, "one sample has no way to another");
        recipes::StreamOptions stream = this->stream(scratch_.file("ways.png"));
        stream.from = fmt::format("{}@0:{}", file, half);
        stream.to = fmt::format("{}@{}:{}", file, half, 2 * half);
        stream.steps = path_steps;
        stream.picture = picture(half * path_steps, path_steps);
        const flow::Result drawn = run(recipes::interpolate(stream));
        return {"Ways between samples",
                "Each row goes in equal steps from one code to another." + axes_of(drawn),
                picture_of(stream.output)};
    }

    // For the map and for mixtures.
    std::string subset() {
        if (subset_.empty())
            subset_ = part_of_data("subset.h5", spread(data_->rows(), o_.map_samples));
        return subset_;
    }

    void map() {
        ReportPage& page = measured_.page;
        try {
            recipes::MapOptions map;
            map.source = plain_source(subset());
            map.model = o_.evaluate.model;
            map.output = scratch_.file("map.h5");
            map.seed = o_.evaluate.seed;
            if (!labels_.empty()) map.labels.data = {subset_};
            say(common_,
                fmt::format("report: map of {} samples", std::min(data_->rows(), o_.map_samples)));
            measured_.map = run(recipes::map(map));
            const auto& numbers = measured_.map.numbers;
            page.map_words = fmt::format(
                "t-SNE of {} codes (perplexity {:.3g}). Trustworthiness {:.4f}, continuity {:.4f} "
                "(0 to 1, {:.0f} neighbours). Who stands beside whom counts; lengths have no unit.",
                std::min(data_->rows(), o_.map_samples), numbers.at("perplexity"),
                numbers.at("trustworthiness"), numbers.at("continuity"), numbers.at("neighbours"));
            const auto places = column<float>(map.output, "/map");
            std::vector<std::int64_t> labels;
            if (!labels_.empty()) labels = column<std::int64_t>(map.output, "/labels");
            page.map = {map_chart(places, labels,
                                  [this](std::int64_t label) { return label_text(label); })};
        } catch (const Error& error) {
            page.map_words = fmt::format("Left out: {}.", error.what());
        }
    }

    void probe() {
        ReportPage& page = measured_.page;
        if (labels_.empty() && targets_.empty()) {
            page.probe_words =
                "There are no labels to probe the codes with: --labels DATA names them.";
            return;
        }
        try {
            const std::vector<std::int64_t> rows = spread(data_->rows(), o_.probe_samples);
            const std::string file = part_of_data("probe.h5", rows);
            recipes::ProbeOptions probe;
            probe.source = plain_source(file);
            probe.labels.data = {targets_.empty() ? file : targets_of(rows)};
            probe.model = o_.evaluate.model;
            probe.seed = o_.evaluate.seed;
            say(common_, fmt::format("report: probe of {} samples",
                                     std::min(data_->rows(), o_.probe_samples)));
            measured_.probe = run(recipes::probe(probe));
            page.probe = probe_table(measured_.probe);
            const auto found = measured_.probe.texts.find("verdict");
            std::string verdict = found == measured_.probe.texts.end() ? "" : found->second + ".";
            if (!verdict.empty() && verdict[0] >= 'a' && verdict[0] <= 'z') verdict[0] -= 'a' - 'A';
            page.probe_words = fmt::format(
                "{}, mean and deviation of {} random splits of {} samples. {}",
                targets_.empty() ? "Share of held-out samples whose class is found"
                                 : "R squared of held-out samples' values (1: exact, 0: no better "
                                   "than their mean)",
                probe.splits, std::min(data_->rows(), o_.probe_samples), verdict);
        } catch (const Error& error) {
            page.probe_words = fmt::format("Left out: {}.", error.what());
        }
    }

    void times(const language::Pipeline& evaluation) {
        ReportPage& page = measured_.page;
        if (o_.training_stats.empty()) {
            page.pipeline = boxes(evaluation, measured_.evaluation.nodes);
            page.pipeline_words = fmt::format(
                "The pipeline that measured this page: {} samples in {} on {} threads. Time is "
                "wall "
                "clock inside the node, summed over threads; the bar is its share of the longest.",
                measured_.evaluation.samples, duration_text(measured_.evaluation.seconds),
                measured_.evaluation.threads);
            return;
        }
        try {
            const auto stats = nlohmann::json::parse(read_text(o_.training_stats));
            std::vector<flow::NodeStatistics> nodes;
            for (const auto& node : stats.at("nodes")) {
                const auto& waiting = node.at("waiting_share");
                nodes.push_back({node.at("id"), node.at("type"), 0, 0, node.at("seconds"),
                                 waiting.is_number() ? waiting.get<double>() : 0});
            }
            page.pipeline =
                boxes(session_.parse(stats.at("pipeline").get<std::string>(), "stats"), nodes);
            page.pipeline_words = fmt::format(
                "The training run: {} samples in {}. Time is wall clock inside the node, summed "
                "over threads; the bar is its share of the longest.",
                stats.at("samples").get<std::uint64_t>(),
                duration_text(stats.at("seconds").get<double>()));
        } catch (const nlohmann::json::exception& error) {
            throw Error(
                Fault::input,
                fmt::format("\"{}\" is no --stats file: {}", o_.training_stats, error.what()),
                "write one with narrows train ... --stats FILE.json");
        }
    }

    const Common& common_;
    const recipes::Session& session_;
    const ReportOptions& o_;
    const ScratchFolder scratch_;
    std::shared_ptr<const datasets::Dataset> data_;
    std::vector<std::int64_t> labels_;
    std::vector<std::string> names_;
    std::vector<double> targets_;  // instead of labels: numbers with fractions
    std::string config_, subset_;
    std::vector<float> scores_;
    std::vector<std::int64_t> rows_;
    Measured measured_;
};

}  // namespace

std::optional<Measured> measure_report(const Common& common, const recipes::Session& session,
                                       const ReportOptions& options,
                                       const language::Pipeline& evaluation) {
    try {
        return Reporter(common, session, options).measure(evaluation);
    } catch (const Stopped&) {
        return std::nullopt;
    }
}

}  // namespace narrows::tools
