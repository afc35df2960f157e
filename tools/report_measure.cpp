#include "tools/report_measure.hpp"

#include <filesystem>

#include <nlohmann/json.hpp>

#include "pipeline/storage/array_file.hpp"
#include "tools/console.hpp"
#include "tools/data_facts.hpp"
#include "tools/model_facts.hpp"
#include "tools/report_charts.hpp"
#include "tools/report_reporter.hpp"
#include "tools/stop.hpp"
#include "tools/text_file.hpp"

namespace narrows::tools {
namespace {

namespace fs = std::filesystem;

template <class T>
std::vector<T> column(const std::string& file, const std::string& path) {
    const auto array = storage::open_array(file, path);
    const Shape& shape = array->info().shape;
    std::vector<T> out(static_cast<std::size_t>(shape.elements()));
    array->read(0, shape[0], reinterpret_cast<std::byte*>(out.data()));
    return out;
}

}  // namespace

Reporter::Reporter(const Common& common, const recipes::Session& session,
                   const ReportOptions& options)
    : common_(common), session_(session), o_(options), data_(open_data(o_.evaluate.source)) {
    take_labels();
}

Measured Reporter::measure(const language::Pipeline& evaluation) {
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

flow::Result Reporter::run(const language::Pipeline& pipeline, std::vector<std::string>* words) {
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

void Reporter::take_labels() {
    if (o_.labels.empty()) {
        labels_ = data_->labels();
        names_ = data_->label_names();
        // Text that holds numbers with fractions is given as names.
        if (names_.empty() || o_.evaluate.source.window > 0) return;
    }
    const datasets::Labels labels = o_.labels.empty()
                                        ? datasets::open_labels(data_specs(o_.evaluate.source))
                                        : datasets::open_labels(datasets::parse_data(o_.labels));
    if (static_cast<std::int64_t>(labels.size()) != data_->rows())
        throw Error(Fault::input,
                    fmt::format("there are {} labels for {} samples", labels.size(), data_->rows()),
                    "give one label a sample");
    labels_ = labels.values;
    names_ = labels.names;
    targets_ = labels.targets;
}

std::string Reporter::label_text(std::int64_t label) const {
    const bool named = label >= 0 && label < static_cast<std::int64_t>(names_.size());
    return named ? names_[static_cast<std::size_t>(label)] : std::to_string(label);
}

std::string Reporter::part_of_data(const std::string& name,
                                   const std::vector<std::int64_t>& rows) const {
    const std::string file = scratch_.file(name);
    write_rows(file, *data_, rows, labels_, names_);
    return file;
}

std::string Reporter::targets_of(const std::vector<std::int64_t>& rows) const {
    const std::string file = scratch_.file("targets.csv");
    write_values(file, targets_, rows);
    return file;
}

recipes::Source Reporter::plain_source(const std::string& file) const {
    recipes::Source source;
    source.data = {file};
    source.scale = o_.evaluate.source.scale;
    source.on_bad_row = o_.evaluate.source.on_bad_row;
    return source;
}

recipes::StreamOptions Reporter::stream(const std::string& output) const {
    recipes::StreamOptions stream;
    stream.model = o_.evaluate.model;
    stream.seed = o_.evaluate.seed;
    stream.output = output;
    return stream;
}

void Reporter::describe(const language::Pipeline& evaluation) {
    ReportPage& page = measured_.page;
    flow::Settings settings;
    const flow::Drawing drawing = session_.inspect(evaluation, settings);
    const storage::FileInfo info = storage::look(o_.evaluate.model);
    const std::string model = fs::path(o_.evaluate.model).filename().string();
    page.title = fmt::format("{} on {}", model, data_->name());
    page.subtitle = fmt::format("{} samples of {}, {}", data_->rows(), to_string(data_->sample()),
                                to_string(data_->type()));
    page.version = version;
    page.facts.emplace_back("data", data_->name());
    if (!drawing.models.empty()) page.facts.emplace_back("model", drawing.models.begin()->second);
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
        page.repeat.emplace_back("The pipeline that trained it, without the name of its output",
                                 config_);
    } catch (const Error&) {
        // a model that was made without one
    }
    page.repeat.emplace_back("The pipeline that measured it", evaluation.text);
    page.repeat.emplace_back(
        "This report", fmt::format("narrows report {} -m {} -o {} --seed {}", data_->name(), model,
                                   fs::path(o_.output).filename().string(), o_.evaluate.seed));
    page.health = health_facts(measured_.evaluation);
    page.codes = health_charts(measured_.evaluation,
                               [this](std::int64_t label) { return label_text(label); });
}

void Reporter::training() {
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

void Reporter::score() {
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

std::string Reporter::subset() {
    if (subset_.empty()) subset_ = part_of_data("subset.h5", spread(data_->rows(), o_.map_samples));
    return subset_;
}

void Reporter::map() {
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
        page.map = {
            map_chart(places, labels, [this](std::int64_t label) { return label_text(label); })};
    } catch (const Error& error) {
        page.map_words = fmt::format("Left out: {}.", error.what());
    }
}

void Reporter::probe() {
    ReportPage& page = measured_.page;
    if (labels_.empty() && targets_.empty()) {
        page.probe_words = "There are no labels to probe the codes with: --labels DATA names them.";
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
        say(common_,
            fmt::format("report: probe of {} samples", std::min(data_->rows(), o_.probe_samples)));
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

void Reporter::times(const language::Pipeline& evaluation) {
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
        throw Error(Fault::input,
                    fmt::format("\"{}\" is no --stats file: {}", o_.training_stats, error.what()),
                    "write one with narrows train ... --stats FILE.json");
    }
}

std::optional<Measured> measure_report(const Common& common, const recipes::Session& session,
                                       const ReportOptions& options,
                                       const language::Pipeline& evaluation) {
    try {
        return Reporter(common, session, options).measure(evaluation);
    } catch (const Reporter::Stopped&) {
        return std::nullopt;
    }
}

}  // namespace narrows::tools
