#include "tools/run_pipeline.hpp"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "datasets/dataset.hpp"
#include "pipeline/flow/step_order.hpp"
#include "pipeline/ranks/ranks.hpp"
#include "pipeline/simd/kernels.hpp"
#include "pipeline/storage/atomic_file.hpp"
#include "pipeline/storage/part.hpp"
#include "tools/console.hpp"
#include "tools/metrics_file.hpp"
#include "tools/stop.hpp"

namespace narrows::tools {
namespace {

namespace fs = std::filesystem;

// Neither need exist; absolute first, as weakly_canonical leaves a name that is not there relative.
bool same_file(const std::string& a, const std::string& b) {
    std::error_code ignored;
    if (fs::equivalent(a, b, ignored)) return true;
    const fs::path one = fs::weakly_canonical(fs::absolute(a, ignored), ignored);
    return !one.empty() && one == fs::weakly_canonical(fs::absolute(b, ignored), ignored);
}

void refuse_pipe(const std::string& output) {
    std::error_code ignored;
    if (output == "-" || fs::is_fifo(output, ignored))
        throw Error(
            Fault::usage,
            fmt::format("output \"{}\" is a pipe, not a file: narrows writes files", output),
            "name a file; ./- is one of that name");
}

// --metrics and --stats would replace what the run reads or writes, or cannot be written.
void refuse_reports(const Common& common, const PipelineFiles& files) {
    const auto refuse = [](const char* option, const std::string& file) {
        throw Error(Fault::usage, fmt::format("{} \"{}\" is also an input or output", option, file),
                    "write it to a file of its own");
    };
    const auto among = [](const std::string& file, const std::vector<std::string>& others) {
        return std::any_of(others.begin(), others.end(),
                           [&](const std::string& other) { return same_file(file, other); });
    };
    for (const auto& [option, file] :
         {std::pair("--metrics", &common.metrics), std::pair("--stats", &common.stats)})
        if (!file->empty() && (among(*file, files.inputs) || among(*file, files.outputs)))
            refuse(option, *file);
    if (!common.metrics.empty() && !common.stats.empty() && same_file(common.metrics, common.stats))
        refuse("--metrics", common.metrics);
    for (const std::string& file : {common.metrics, common.stats})
        if (!file.empty()) refuse_pipe(file);
    for (const std::string& file : {common.metrics, common.stats})
        if (!file.empty() && !common.dry_run && ranks::all().first())
            const storage::AtomicFile writable(file);  // says so now, not when the work is done
}

// Of a joined file, which is read through its parts.
bool is_part_of(const std::string& output, const std::string& input) {
    const std::vector<fs::path> parts = storage::parts_behind(input);
    return std::any_of(parts.begin(), parts.end(),
                       [&](const fs::path& part) { return same_file(output, part.string()); });
}

void collect(const Setting& setting, std::vector<std::string>& out) {
    if (!setting.value.text.empty()) out.push_back(setting.value.text);
    out.insert(out.end(), setting.value.texts.begin(), setting.value.texts.end());
}

// DATA: the files in it.
void collect_data(const Setting& setting, std::vector<std::string>& out) {
    std::vector<std::string> data;
    collect(setting, data);
    for (const std::string& text : data) out.push_back(datasets::parse_data(text).file);
}

Results results_of(const PipelineJob& job, const flow::Result& result) {
    Results out;
    for (const std::string& key : job.keys) {
        if (key == "epochs")
            out.add(key, static_cast<std::int64_t>(result.epochs));
        else if (key == "steps")
            out.add(key, static_cast<std::int64_t>(result.steps));
        else if (const auto number = result.numbers.find(key); number != result.numbers.end())
            out.add(key, number->second);
        else if (const auto text = result.texts.find(key); text != result.texts.end())
            out.add(key, text->second);
    }
    const bool trained = result.epochs > 0;
    if (trained) {
        out.add("epochs", static_cast<std::int64_t>(result.epochs));
        out.add("steps", static_cast<std::int64_t>(result.steps));
    }
    for (const auto& [key, value] : result.numbers) out.add(key, value);
    for (const auto& [key, value] : result.texts) out.add(key, value);
    for (const auto& [key, value] : result.vectors) out.add(key, value);
    if (result.stopped) out.add("stopped", true);
    if (result.already_complete) out.add("already_complete", true);
    out.add_work(result.samples, result.seconds, result.threads);
    return out;
}

// Run-time settings as comments: they change no result, and `run` takes the text as it is.
std::string printed(const Common& common, const language::Pipeline& pipeline) {
    const std::size_t threads =
        common.threads > 0 ? static_cast<std::size_t>(common.threads) : flow::usable_threads();
    return fmt::format("# narrows {}, --threads {} --kernel {}\n{}", version, threads,
                       simd::kernels().name, language::write(pipeline));
}

void run_checked(const Common& common, const PipelineJob& job, const recipes::Session& session,
                 const language::Pipeline& pipeline, int& exit_code) {
    if (pipeline.run.mode == Mode::stream && ranks::all().size() > 1)
        throw Error(Fault::usage,
                    fmt::format("{}: a streaming pipeline does not work over ranks: each would "
                                "write all of its outputs",
                                job.verb),
                    "run it as one process; rows go in parts to several by encode --part");
    flow::Settings settings;
    settings.threads = static_cast<std::size_t>(common.threads);
    settings.resume = common.resume;
    flow::set_nodes_in_order(ranks::all().size() > 1);
    settings.no_clobber = common.no_clobber;
    settings.stop = &stop_signal();
    const auto warn_body = [&](const std::string& text) { warn(common, text); };
    FunctionRef<void(const std::string&)> warn_ref(warn_body);
    settings.warn = &warn_ref;

    if (common.dry_run) {
        settings.only_check = true;
        const flow::Drawing drawing = session.inspect(pipeline, settings);
        say(common, fmt::format("{}: {} nodes, memory bound {}; nothing was run", job.verb,
                                drawing.nodes.size(),
                                bytes_text(static_cast<double>(drawing.memory_bound))));
        return;
    }

    exit_code = with_metrics(common, job.verb, [&](MetricsFile& metrics) {
        flow::Result result;
        {
            Progress progress(common, job.verb);
            const auto show = [&](const flow::Report& report) {
                progress.show(report);
                metrics.update(report);
            };
            FunctionRef<void(const flow::Report&)> show_ref(show);
            settings.progress = &show_ref;
            const StopScope scope;
            result = session.run(pipeline, settings);
        }
        if (!common.stats.empty() && ranks::all().first())
            storage::write_text_atomically(
                common.stats, stats_json(common, job.verb, result, language::write(pipeline)));
        if (result.stopped)
            say(common,
                fmt::format("{}: stopped; what is there is whole, --resume goes on", job.verb));
        if (result.already_complete) say(common, fmt::format("{}: already complete", job.verb));
        print_results(common, results_of(job, result), job.results);
        if (result.stopped) return stop_exit_code();
        return job.judge ? job.judge(result) : 0;
    });
}

}  // namespace

void select_kernel(const Common& common) {
    if (common.kernel == "auto") return;
    const auto level = simd::level_from(common.kernel);
    if (level && simd::select(*level)) return;
    std::string here = "auto";
    for (const simd::Level l : simd::available()) here += fmt::format(", {}", simd::table(l)->name);
    throw Error(
        Fault::usage,
        level ? fmt::format("--kernel {}: this machine or build does not have it", common.kernel)
              : fmt::format("--kernel {}: no such kernel level", common.kernel),
        "available here: " + here);
}

recipes::Session make_session(const Common& common) {
    return recipes::Session(common.plugin_folders);
}

PipelineFiles files_of(const language::Pipeline& pipeline, const registry::Registry& registry) {
    PipelineFiles files;
    for (const ModelSpec& model : pipeline.models)
        if (!model.file.empty()) files.inputs.push_back(model.file);
    for (const language::NodeSpec& node : pipeline.nodes) {
        const registry::TypeInfo* type = registry.find(Kind::node, node.type);
        if (type == nullptr) continue;
        for (const Setting& setting : node.settings) {
            if (setting.name == "mean_of" || setting.name.ends_with("labels_file"))
                collect_data(setting, files.inputs);
            const bool data_only =
                setting.name == "from" || setting.name == "to" || setting.name == "fit";
            if (setting.name != "file" && setting.name != "validation_file" &&
                !(data_only && type->source))
                continue;
            if (!type->source) {
                collect(setting, files.outputs);
                continue;
            }
            collect_data(setting, files.inputs);
        }
    }
    return files;
}

void refuse_outputs(const Common& common, const PipelineFiles& files) {
    for (const std::string& output : files.outputs) {
        refuse_pipe(output);
        std::error_code ignored;
        for (const std::string& input : files.inputs)
            if (same_file(output, input) ||
                (fs::exists(output, ignored) && is_part_of(output, input)))
                throw Error(Fault::usage, fmt::format("output \"{}\" is also an input", output),
                            "write to another file");
        if (common.no_clobber && !common.resume && fs::exists(output, ignored))
            throw Error(Fault::usage,
                        fmt::format("output \"{}\" exists, and --no-clobber was given", output),
                        "remove it, or write to another file");
        if (fs::is_directory(output, ignored))
            throw Error(Fault::usage, fmt::format("output \"{}\" is a folder", output));
        const fs::path folder = fs::path(output).parent_path();
        if (!folder.empty() && !fs::is_directory(folder, ignored))
            throw Error(Fault::usage,
                        fmt::format("output not writable: no folder \"{}\"", folder.string()),
                        "make it first");
    }
    refuse_reports(common, files);
}

void with_places(const PipelineJob& job, FunctionRef<void()> body) {
    try {
        body();
    } catch (const language::PipelineError&) {
        throw;
    } catch (const Error& error) {
        if (!job.written_by_user || error.position().line == 0) throw;
        language::Diagnostic diagnostic;
        diagnostic.position = error.position();
        diagnostic.text = error.what();
        if (const auto* misfit = dynamic_cast<const flow::MisfitError*>(&error))
            for (const flow::MisfitError::End& end : misfit->ends)
                diagnostic.notes.push_back(fmt::format("{}: {}:{}:{}", end.name, job.source,
                                                       end.position.line, end.position.column));
        if (!error.hint().empty()) diagnostic.notes.push_back(error.hint());
        throw RenderedError(error, language::render(diagnostic, job.source, job.text));
    }
}

int run_pipeline(const Common& common, const PipelineJob& job) {
    select_kernel(common);
    return run_pipeline(common, job, make_session(common));
}

int run_pipeline(const Common& common, const PipelineJob& job, const recipes::Session& session) {
    int exit_code = 0;
    with_places(job, [&] {
        const language::Pipeline pipeline = session.parse(job.text, job.source, common.sets);
        for (const std::string& warning : pipeline.warnings) say(common, warning);
        if (common.print_pipeline) {
            fmt::print("{}", printed(common, pipeline));
            return;
        }
        PipelineFiles files = files_of(pipeline, session.registry());
        for (const std::string& data : job.inputs)
            files.inputs.push_back(datasets::parse_data(data).file);
        if (job.written_by_user && job.source != "-") files.inputs.push_back(job.source);
        refuse_outputs(common, files);
        run_checked(common, job, session, pipeline, exit_code);
    });
    return exit_code;
}

}  // namespace narrows::tools
