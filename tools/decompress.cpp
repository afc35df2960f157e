// What comes back of compressed files: all of it, or whether it would.
#include <algorithm>

#include <fmt/format.h>

#include "tools/console.hpp"
#include "tools/packed_inputs.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/timed_loop.hpp"

namespace narrows::tools {

namespace {

// Rows of the longest dataset, as compress counts them.
std::uint64_t rows_of(const std::string& file) {
    std::int64_t rows = 0;
    for (const storage::ArrayInfo& array : storage::look(file).arrays)
        if (array.shape.rank() > 0 && !array.path.starts_with("/."))
            rows = std::max(rows, array.shape[0]);
    return static_cast<std::uint64_t>(rows);
}

// Calls body(); where the file of -m lacks the model, says so: it was given already.
template <class Body>
void with_models_of(const std::string& given, const Body& body) {
    try {
        body();
    } catch (const Error& error) {
        if (given.empty() || !error.hint().starts_with("-m FILE")) throw;
        throw Error(error.fault(), fmt::format("{}, nor in \"{}\"", error.what(), given),
                    "give -m the compressed file that it was fitted for, or put that on "
                    "NARROWS_MODEL_PATH");
    }
}

}  // namespace

int decompress(CommandLine& line) {
    std::string from, to, model;
    line.positional("C.h5", from, "a file that narrows compressed");
    line.option("-m,--model", model,
                "the compressed file that holds the models, where this one has only their hashes");
    line.option("-o,--output", to, "file to write");
    line.require("--output");
    line.parse();
    const Common& common = line.common();
    select_kernel(common);
    refuse_outputs(common, {model.empty() ? std::vector<std::string>{from}
                                          : std::vector<std::string>{from, model},
                            {to}});
    if (!model.empty()) codec::look_for_models_in(model);
    if (common.dry_run) {
        say(common, fmt::format("decompress: {} datasets; nothing was written",
                                storage::look(from).arrays.size()));
        return 0;
    }
    codec::Job job;
    job.stop = [] { return stop_signal() != 0; };
    std::uint64_t bytes = 0;
    const auto done = stoppable_loop(common, [&](const Loop& loop) {
        with_models_of(model, [&] { bytes = codec::decompress_file(from, to, job, loop); });
    });
    if (!done) return stop_exit_code();
    Results results;
    results.add("bytes_out", static_cast<std::int64_t>(bytes));
    results.add("megabytes_per_second",
                done->seconds > 0 ? static_cast<double>(bytes) / 1e6 / done->seconds : 0.0);
    results.add_work(rows_of(to), done->seconds, done->threads);
    print_results(common, results, ResultsAre::talk);
    return 0;
}

int verify(CommandLine& line) {
    std::string path, against, model;
    recipes::Source source;
    line.positional("C.h5", path, "a file that narrows compressed");
    line.positional("DATA", against, "what it was made of: each value is held against its bound",
                    false);
    line.option("-m,--model", model,
                "the compressed file that holds the models, where this one has only their hashes");
    line.data_option("--against", source, "the same, with the options of DATA");
    line.parse();
    const Common& common = line.common();
    select_kernel(common);
    if (!against.empty()) source.data.push_back(against);
    if (!model.empty()) codec::look_for_models_in(model);
    PackedInputs inputs;
    if (!source.data.empty()) inputs = open_packed_inputs(source);
    codec::Verification result;
    const auto done = timed_loop(
        common, [&](const Loop& loop) { result = codec::verify_file(path, inputs.inputs, loop); });
    for (const std::string& problem : result.problems) warn(common, problem);
    Results results;
    results.add("datasets", static_cast<std::int64_t>(result.datasets));
    results.add("chunks", static_cast<std::int64_t>(result.chunks));
    results.add("values", static_cast<std::int64_t>(result.values));
    results.add("problems", static_cast<std::int64_t>(result.problems.size()));
    if (!inputs.inputs.empty()) {
        results.add("violations", static_cast<std::int64_t>(result.violations));
        results.add("max_error", result.max_error);
    }
    results.add_work(rows_of(path), done.seconds, done.threads);
    print_results(common, results, ResultsAre::data);
    if (!result.problems.empty()) return static_cast<int>(Fault::input);
    return result.violations > 0 ? static_cast<int>(Fault::run) : 0;
}

}  // namespace narrows::tools
