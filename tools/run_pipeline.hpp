// What all verbs that stream or train share: kernel, plugins, parsing, refusals, progress, results.
#pragma once

#include <functional>

#include "pipeline/recipes/session.hpp"
#include "tools/results.hpp"

namespace narrows::tools {

// --kernel; throws Error{Fault::usage} with the levels that this machine has.
void select_kernel(const Common& common);

// The plugins of $NARROWS_PLUGIN_PATH, --plugin-path and the folder beside the command.
recipes::Session make_session(const Common& common);

struct PipelineJob {
    std::string verb;               // in progress and results
    std::string text;               // TOML
    std::string source;             // names the text in messages
    std::vector<std::string> keys;  // results that come first, in this order
    ResultsAre results = ResultsAre::talk;
    bool written_by_user = false;  // errors then show the place in the text
    // Looks at the results of a run that reached its end; its exit code.
    std::function<int(const flow::Result&)> judge = {};
    std::vector<std::string> inputs = {};  // that nodes other than sources read
};

// Files that a pipeline reads, and those that it writes, as they stand in its nodes.
struct PipelineFiles {
    std::vector<std::string> inputs, outputs;
};
PipelineFiles files_of(const language::Pipeline& pipeline, const registry::Registry& registry);

// Throws Error{Fault::usage}: an output that is also an input, or, with --no-clobber, is there; a
// file of --metrics or --stats that is one of either, or cannot be written.
void refuse_outputs(const Common& common, const PipelineFiles& files);

// Runs, prints results, writes --stats; stops at --print-pipeline and --dry-run. The exit code.
int run_pipeline(const Common& common, const PipelineJob& job);
int run_pipeline(const Common& common, const PipelineJob& job, const recipes::Session& session);

// Calls body(); an Error with a place in the job's text becomes the whole message with its line.
void with_places(const PipelineJob& job, FunctionRef<void()> body);

}  // namespace narrows::tools
