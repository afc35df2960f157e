#include <algorithm>
#include <filesystem>
#include <limits>

#include <fmt/format.h>

#include "tools/bounds.hpp"
#include "tools/console.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/stream_verbs.hpp"
#include "tools/timed_loop.hpp"

namespace narrows::tools {
namespace {

using codec::ArrayResult;

void explain(const std::vector<ArrayResult>& arrays) {
    for (const ArrayResult& array : arrays) {
        fmt::print("{}  {} values, {} {:.6g}\n", array.path, array.values, array.bound_text,
                   array.bound);
        for (std::size_t i = 0; i < array.tried.size(); ++i) {
            const codec::Candidate& one = array.tried[i];
            if (one.possible)
                fmt::print(
                    "  {} {:<36} {:>14.0f} bytes, {:>8} of them model, {:.4f} bits a value\n",
                    i == array.winner ? "*" : " ", one.name, one.bytes, one.model_bytes,
                    8 * one.bytes / static_cast<double>(std::max<std::uint64_t>(1, array.values)));
            else
                fmt::print("    {:<36} {:>14}\n", one.name, "does not apply");
        }
    }
}

codec::Prefer prefer_of(const std::string& word) {
    if (word.empty() || word == "balanced") return codec::Prefer::balanced;
    if (word == "size") return codec::Prefer::size;
    if (word == "speed") return codec::Prefer::speed;
    throw Error(Fault::usage,
                fmt::format("--prefer \"{}\": must be size, balanced or speed", word));
}

// What the command line says, and the job that it makes.
struct CompressOptions {
    recipes::Source source;
    std::string output, prefer, model, part;
    std::optional<double> absolute, range, pointwise, psnr, budget;
    bool lossless = false, explained = false;
    std::vector<std::string> per_variable;
    codec::Job job;
};

void parse(CommandLine& line, CompressOptions& o) {
    line.data(o.source);
    line.option("-o,--output", o.output, "file to write");
    line.require("--output");
    line.option("--abs", o.absolute, "no value is off by more than this");
    line.option("--rel", o.range, "the same, of the range of the finite values that are not fill");
    line.option("--pointwise", o.pointwise, "no value is off by more than this times itself");
    line.option("--psnr", o.psnr, "peak signal to noise ratio in dB, at least");
    line.flag("--lossless", o.lossless, "every bit; what integers get unless a bound is given");
    line.option("--per-variable", o.per_variable,
                "another bound for one dataset: NAME=abs:E, rel:E, pointwise:E, psnr:D or "
                "lossless; again for more");
    line.option("-m,--model", o.model,
                "a compressed file: take its models for datasets of the same name, store their "
                "hashes alone");
    line.flag("--embed", o.job.embed, "with -m: store the models too");
    line.flag("--explain", o.explained, "print what each way of coding would have taken");
    line.option("--budget", o.budget,
                "seconds that fitting a dataset may take on two ordinary cores, roughly; 60");
    line.option("--prefer", o.prefer,
                "size, speed, or balanced: rows in as many lanes as cost less than 1 %");
    part_option(line, o.part);
    line.option("--chunk-rows", o.job.chunk_rows, "rows of a chunk; about 4 MiB otherwise");
    line.parse();
    codec::Job& job = o.job;
    job.wanted = wanted_of(o.absolute, o.range, o.pointwise, o.psnr, o.lossless);
    job.budget = o.budget.value_or(job.budget);
    job.prefer = prefer_of(o.prefer);
    job.bounds = bounds_of_variables(o.per_variable);
    job.stop = [] { return stop_signal() != 0; };
    if (job.embed && o.model.empty())
        throw Error(Fault::usage, "--embed without -m",
                    "models that are fitted here are stored in any case");
    if (!o.model.empty()) job.models = codec::models_of(o.model);
    if (!(job.budget >= 0 && job.budget <= 1e6))
        throw Error(Fault::usage,
                    fmt::format("--budget {:g}: must be from 0 to 1000000 seconds", job.budget));
    if (!o.part.empty()) {
        job.part = storage::parse_part(o.part);
        o.output = output_of_part(line.common(), *job.part, o.output);
    }
    if (job.chunk_rows < 0)
        throw Error(Fault::usage,
                    fmt::format("--chunk-rows {}: must be at least 1", job.chunk_rows));
}

// Sums over the datasets, the worst of their errors, every method once.
ArrayResult total_of(const std::vector<ArrayResult>& arrays) {
    ArrayResult total;
    total.psnr = std::numeric_limits<double>::infinity();
    for (const ArrayResult& array : arrays) {
        total.values += array.values;
        total.bytes_in += array.bytes_in;
        total.bytes_out += array.bytes_out;
        total.model_bytes += array.model_bytes;
        total.violations += array.violations;
        total.max_error = std::max(total.max_error, array.max_error);
        total.bound = std::max(total.bound, array.bound);
        total.psnr = std::min(total.psnr, array.psnr);
        if (total.method.find(array.method) == std::string::npos)
            total.method += (total.method.empty() ? "" : ", ") + array.method;
    }
    return total;
}

Results results_of(const ArrayResult& total, const std::string& output, double seconds) {
    const double stored = static_cast<double>(total.bytes_out + total.model_bytes);
    Results results;
    results.add("bytes_in", static_cast<std::int64_t>(total.bytes_in));
    results.add("bytes_out", static_cast<std::int64_t>(total.bytes_out + total.model_bytes));
    results.add("model_bytes", static_cast<std::int64_t>(total.model_bytes));
    results.add("file_bytes", static_cast<std::int64_t>(std::filesystem::file_size(output)));
    results.add("ratio", stored > 0 ? static_cast<double>(total.bytes_in) / stored : 1.0);
    results.add("bits_per_value",
                total.values > 0 ? 8 * stored / static_cast<double>(total.values) : 0.0);
    results.add("bound", total.bound);
    results.add("max_error", total.max_error);
    results.add("psnr", total.psnr);
    results.add("violations", static_cast<std::int64_t>(total.violations));
    results.add("method", total.method);
    results.add("megabytes_per_second",
                seconds > 0 ? static_cast<double>(total.bytes_in) / 1e6 / seconds : 0.0);
    return results;
}

}  // namespace

int compress(CommandLine& line) {
    CompressOptions o;
    parse(line, o);
    const Common& common = line.common();
    select_kernel(common);
    PackedInputs inputs = open_packed_inputs(o.source);
    std::vector<std::string> read = inputs.files;
    if (!o.model.empty()) read.push_back(o.model);
    refuse_outputs(common, {read, {o.output}});
    check_names(inputs.inputs, o.job.bounds);
    keep_exact(inputs.inputs, o.job.bounds);
    for (const std::string& what : inputs.beside.left_out)
        warn(common, "not carried over: " + what);
    leave_out_checksums(inputs.inputs, o.job);
    check_bounds(inputs.inputs, o.job);
    if (common.dry_run) {
        say(common,
            fmt::format("compress: {} datasets; nothing was written", inputs.inputs.size()));
        return 0;
    }
    std::vector<ArrayResult> arrays;
    const auto done = stoppable_loop(common, [&](const Loop& loop) {
        arrays = codec::compress_file(o.output, inputs.inputs, inputs.beside, o.job, loop);
    });
    if (!done) return stop_exit_code();

    if (o.explained && !common.json) explain(arrays);
    std::uint64_t samples = 0;
    for (const ArrayResult& array : arrays) samples = std::max(samples, array.rows);
    const ArrayResult total = total_of(arrays);
    Results results = results_of(total, o.output, done->seconds);
    results.add_work(samples, done->seconds, done->threads);
    print_results(common, results, ResultsAre::talk);
    return total.violations == 0 ? 0 : static_cast<int>(Fault::run);
}

}  // namespace narrows::tools
