#include <fmt/format.h>

#include "pipeline/storage/atomic_file.hpp"
#include "tools/console.hpp"
#include "tools/data_facts.hpp"
#include "tools/report_measure.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/stop.hpp"
#include "tools/stream_verbs.hpp"
#include "tools/timed_loop.hpp"

namespace narrows::tools {
namespace {

struct ReportLine {
    ReportOptions options;
    std::string sample_shape;
};

void describe(CommandLine& line, ReportLine& in) {
    ReportOptions& o = in.options;
    stream_options(line, o.evaluate, false);
    line.option("-o,--output", o.output, "FILE.html to write");
    line.require("--output");
    line.option("--labels", o.labels, "DATA with one label a sample (those inside DATA)");
    line.option("--map-samples", o.map_samples, "on the map, evenly spread over DATA (2000)");
    line.option("--probe-samples", o.probe_samples, "to probe the codes with (5000)");
    line.option("--training-stats", o.training_stats,
                "what train --stats wrote: its times are drawn, not this run's");
    line.option("--sample-shape", in.sample_shape, "draw samples as rows,columns[,3]");
    line.choice("--as", o.picture.style, {"pictures", "curves"},
                "draw samples as pictures or curves");
}

void check(const ReportLine& in) {
    const ReportOptions& o = in.options;
    if (!o.output.ends_with(".html"))
        throw Error(Fault::usage, fmt::format("output \"{}\" does not end in .html", o.output),
                    "a report is a page");
    for (const auto& [name, value] :
         {std::pair{"--map-samples", o.map_samples}, std::pair{"--probe-samples", o.probe_samples}})
        if (value < 10)
            throw Error(Fault::usage, fmt::format("{} {}: must be at least 10", name, value));
    if (chart_js[0] == '\0')
        throw Error(Fault::run, "this build has no Chart.js, which draws the report",
                    "install libjs-chart.js (tools/setup.sh does), and configure again");
}

Results results_of(const Measured& measured, double seconds) {
    Results out;
    const auto add = [&](const flow::Result& result) {
        for (const auto& [key, value] : result.numbers) out.add(key, value);
        for (const auto& [key, value] : result.texts) out.add(key, value);
        for (const auto& [key, value] : result.vectors) out.add(key, value);
    };
    add(measured.evaluation);
    add(measured.probe);
    add(measured.map);
    const flow::Result& run = measured.evaluation;
    out.add_work(run.samples, seconds, run.threads);
    return out;
}

}  // namespace

int report(CommandLine& line) {
    const StopWatch watch;
    ReportLine in;
    describe(line, in);
    line.parse();
    const Common& common = line.common();
    ReportOptions& options = in.options;
    check(in);
    if (!in.sample_shape.empty())
        options.picture.sample_shape = parse_widths("--sample-shape", in.sample_shape);
    finish_options(common, options.evaluate);
    select_kernel(common);
    finish_evaluation(options.evaluate);
    const recipes::Session session = make_session(common);
    const std::string text = recipes::evaluate(options.evaluate);
    const language::Pipeline pipeline = session.parse(text, "report", common.sets);
    if (common.print_pipeline) {
        fmt::print(
            "# of the measuring part; map, probe, units and the other pictures are those of "
            "their verbs\n{}",
            language::write(pipeline));
        return 0;
    }
    PipelineFiles files = files_of(pipeline, session.registry());
    files.outputs.push_back(options.output);
    if (!options.labels.empty()) files.inputs.push_back(datasets::parse_data(options.labels).file);
    refuse_outputs(common, files);
    if (common.dry_run) {
        say(common,
            fmt::format("report: {} nodes measure; nothing was run", pipeline.nodes.size()));
        return 0;
    }
    const storage::OutputClaim claim(options.output);
    const std::optional<Measured> measured = measure_report(common, session, options, pipeline);
    if (!measured) {
        say(common, "report: stopped; nothing was written");
        return stop_exit_code();
    }
    for (const std::string& words : measured->page.warnings) warn(common, words);
    storage::write_text_atomically(options.output, report_html(measured->page));
    if (!common.stats.empty())
        storage::write_text_atomically(
            common.stats,
            stats_json(common, "report", measured->evaluation, language::write(pipeline)));
    print_results(common, results_of(*measured, watch.seconds()), ResultsAre::talk);
    return 0;
}

}  // namespace narrows::tools
