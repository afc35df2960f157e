#include <algorithm>

#include <fmt/format.h>

#include "tools/console.hpp"
#include "tools/data_facts.hpp"
#include "tools/metrics_file.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/stop.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

using datasets::Dataset;
using storage::Numeric;

constexpr std::int64_t bytes_at_once = std::int64_t{8} << 20;

// A pipeline carries floats: types whose every value a float holds come back as they were.
bool fits_float(Numeric type) {
    switch (type) {
        case Numeric::i8:
        case Numeric::u8:
        case Numeric::i16:
        case Numeric::u16:
        case Numeric::f32:
            return true;
        default:
            return false;
    }
}

datasets::Labels read_labels(const std::string& text, std::int64_t rows) {
    datasets::Labels labels = datasets::open_labels(datasets::parse_data(text));
    if (!labels.targets.empty())
        throw Error(Fault::input,
                    fmt::format("{} holds numbers with fractions, labels are whole", text),
                    "probe takes them as they are");
    const auto count = static_cast<std::int64_t>(labels.values.size());
    if (count != rows)
        throw Error(Fault::input,
                    fmt::format("{} has {} labels, but there are {} samples", text, count, rows),
                    "give one label a sample");
    return labels;
}

// Values as stored, with labels and their names: what no pipeline of floats can carry.
int copy(const Common& common, const Dataset& data, const datasets::Labels& labels,
         const std::string& output, int level) {
    const auto start = std::chrono::steady_clock::now();
    storage::DatasetLayout layout;
    layout.sample = data.sample();
    layout.type = data.type();
    layout.rows = data.rows();
    layout.level = std::max(level, 0);
    storage::DatasetWriter writer(output, layout);
    const auto row_bytes =
        static_cast<std::int64_t>(storage::size_of(data.type())) * data.sample().elements();
    const std::int64_t step =
        std::max<std::int64_t>(1, bytes_at_once / std::max<std::int64_t>(1, row_bytes));
    std::vector<std::byte> rows(static_cast<std::size_t>(std::min(step, data.rows()) * row_bytes));
    std::vector<std::int64_t> ids = data.ids();
    if (ids.empty()) {
        ids.resize(static_cast<std::size_t>(data.rows()));
        for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i);
    }
    const auto write = [&](MetricsFile& metrics) {
        Progress progress(common, "import");
        const StopScope scope;
        flow::Report report;
        report.samples_total = static_cast<std::uint64_t>(data.rows());
        for (std::int64_t first = 0; first < data.rows(); first += step) {
            if (stop_signal() != 0) return stop_exit_code();  // nothing was published
            const std::int64_t count = std::min(step, data.rows() - first);
            data.read_stored(first, count, rows.data());
            writer.append(std::span<const std::byte>(rows).first(
                static_cast<std::size_t>(count * row_bytes)));
            report.samples_done = static_cast<std::uint64_t>(first + count);
            report.seconds =
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
            progress.show(report);
            metrics.update(report);
        }
        writer.append_ids(ids);
        if (!labels.values.empty()) writer.append_labels(labels.values);
        if (!labels.names.empty()) writer.label_names(labels.names);
        writer.commit();
        return 0;
    };
    if (const int exit_code = with_metrics(common, "import", write); exit_code != 0)
        return exit_code;
    Results results;
    results.add_work(
        static_cast<std::uint64_t>(data.rows()),
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 1);
    print_results(common, results, ResultsAre::talk);
    return 0;
}

}  // namespace

int import_data(CommandLine& line) {
    recipes::ImportOptions options;
    std::string label_data;
    line.data(options.source);
    line.option("-o,--output", options.output, "file to write");
    line.require("--output");
    line.option("--labels", label_data, "DATA with one label a sample");
    line.level_option("--level", options.level, "deflate level of the output, 0 to 9");
    line.parse();
    const Common& common = line.common();
    if (options.source.masks())
        throw Error(Fault::usage,
                    "import copies values as they are: --on-bad-row mask is for verbs with a model",
                    "import them with --on-bad-row skip, or mask them later");
    PipelineFiles files{{}, {options.output}};
    for (const std::string& text : options.source.data)
        files.inputs.push_back(datasets::parse_data(text).file);
    if (!label_data.empty()) files.inputs.push_back(datasets::parse_data(label_data).file);
    refuse_outputs(common, files);

    const auto data = open_data(options.source);
    if (data->rows() < 1) throw Error(Fault::input, fmt::format("{} has no samples", data->name()));
    datasets::Labels labels = label_data.empty()
                                  ? datasets::Labels{data->labels(), data->label_names(), {}}
                                  : read_labels(label_data, data->rows());
    const bool as_pipeline = label_data.empty() && labels.names.empty() && fits_float(data->type());
    if (as_pipeline) {
        options.labels = !labels.values.empty();
        options.type = storage::to_string(data->type());
        return run_pipeline(common, {"import", recipes::import_data(options), "import", {}});
    }
    if (common.print_pipeline)
        throw Error(
            Fault::usage,
            fmt::format("import of {} values{} is a copy: no pipeline of floats stands for it",
                        storage::to_string(data->type()),
                        label_data.empty() ? "" : " with labels from another file"));
    if (!common.stats.empty())
        throw Error(Fault::usage, "this import is a copy: it has no nodes for --stats to measure",
                    "leave out --stats");
    if (common.resume)
        throw Error(Fault::usage,
                    "this import is a copy, whose file does not tell what it was made of",
                    "leave out --resume, which has nothing to go on with");
    if (common.dry_run) {
        say(common, fmt::format("import: {} samples of {} {}; nothing was written", data->rows(),
                                to_string(data->sample()), storage::to_string(data->type())));
        return 0;
    }
    return copy(common, *data, labels, options.output, options.level);
}

}  // namespace narrows::tools
