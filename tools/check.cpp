#include <fmt/format.h>

#include "tools/console.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/text_file.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {

// The levels of checking: the language's come from parse(), files and shapes from inspect().
int check(CommandLine& line) {
    std::string file;
    line.positional("FILE.toml", file, "the pipeline, - for standard input");
    line.parse();
    const Common& common = line.common();
    select_kernel(common);
    const PipelineJob job{"check", read_text(file), file, {}, ResultsAre::data, true};
    const recipes::Session session = make_session(common);
    with_places(job, [&] {
        const language::Pipeline pipeline = session.parse(job.text, job.source, common.sets);
        for (const std::string& warning : pipeline.warnings) say(common, warning);
        refuse_outputs(common, files_of(pipeline, session.registry()));
        flow::Settings settings;
        settings.threads = static_cast<std::size_t>(common.threads);
        settings.only_check = true;
        const auto warn_body = [&](const std::string& text) { warn(common, text); };
        FunctionRef<void(const std::string&)> warn_ref(warn_body);
        settings.warn = &warn_ref;
        const flow::Drawing drawing = session.inspect(pipeline, settings);
        Results results;
        results.add("file", file);
        results.add("nodes", static_cast<std::int64_t>(drawing.nodes.size()));
        results.add("memory_bound", static_cast<std::int64_t>(drawing.memory_bound));
        results.add("warnings", static_cast<std::int64_t>(pipeline.warnings.size()));
        if (common.json)
            print_results(common, results, ResultsAre::data);
        else
            say(common,
                fmt::format("{}: {} nodes, no errors, memory bound {}", file, drawing.nodes.size(),
                            bytes_text(static_cast<double>(drawing.memory_bound))));
    });
    return 0;
}

}  // namespace narrows::tools
