#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>

#include "pipeline/flow/loop.hpp"
#include "pipeline/storage/whole_file.hpp"
#include "tools/console.hpp"
#include "tools/packed_inputs.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/stop.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

using codec::ArrayResult;
using codec::Wanted;

Wanted wanted_of(const std::optional<double>& absolute, const std::optional<double>& range,
                 const std::optional<double>& pointwise, const std::optional<double>& psnr,
                 bool lossless) {
    Wanted wanted;
    std::vector<std::string> given;
    const auto take = [&](const char* name, const std::optional<double>& value, Wanted::Kind kind) {
        if (!value) return;
        given.emplace_back(name);
        if (!(*value > 0) || !std::isfinite(*value))
            throw Error(Fault::usage, fmt::format("{} {:g}: must be above 0", name, *value));
        wanted = {kind, *value};
    };
    take("--abs", absolute, Wanted::Kind::absolute);
    take("--rel", range, Wanted::Kind::range);
    take("--pointwise", pointwise, Wanted::Kind::pointwise);
    take("--psnr", psnr, Wanted::Kind::psnr);
    if (lossless) {
        given.emplace_back("--lossless");
        wanted = {Wanted::Kind::lossless, 0};
    }
    if (given.size() > 1)
        throw Error(Fault::usage, fmt::format("{} and {} are two bounds", given[0], given[1]),
                    "give one");
    if (wanted.kind == Wanted::Kind::pointwise && wanted.value >= 1)
        throw Error(Fault::usage, fmt::format("--pointwise {:g}: must be below 1", wanted.value));
    return wanted;
}

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

// "NAME=KIND:E" or "NAME=lossless".
std::pair<std::string, Wanted> bound_of_variable(const std::string& text) {
    const std::size_t equals = text.rfind('='),
                      colon = text.find(':', equals == std::string::npos ? 0 : equals);
    const std::string kind =
        equals == std::string::npos
            ? ""
            : text.substr(equals + 1, colon == std::string::npos ? colon : colon - equals - 1);
    std::optional<double> absolute, range, pointwise, psnr;
    std::optional<double>* const taken = kind == "abs"         ? &absolute
                                         : kind == "rel"       ? &range
                                         : kind == "pointwise" ? &pointwise
                                         : kind == "psnr"      ? &psnr
                                                               : nullptr;
    if (equals == 0 || equals == std::string::npos ||
        (taken == nullptr) != (kind == "lossless" && colon == std::string::npos) ||
        (taken != nullptr && colon == std::string::npos))
        throw Error(
            Fault::usage,
            fmt::format(
                "--per-variable \"{}\": must be NAME=abs:E, rel:E, pointwise:E, psnr:D or lossless",
                text));
    if (taken != nullptr) {
        char* end = nullptr;
        *taken = std::strtod(text.c_str() + colon + 1, &end);
        if (*end != '\0' || end == text.c_str() + colon + 1)
            throw Error(Fault::usage, fmt::format("--per-variable \"{}\": \"{}\" is not a number",
                                                  text, text.substr(colon + 1)));
    }
    const std::string name = text.substr(0, equals);
    return {name.starts_with('/') ? name : "/" + name,
            wanted_of(absolute, range, pointwise, psnr, kind == "lossless")};
}

using Bounds = std::vector<std::pair<std::string, Wanted>>;

const Wanted* named(const Bounds& bounds, const std::string& path) {
    const auto found = std::find_if(bounds.begin(), bounds.end(),
                                    [&](const auto& one) { return one.first == path; });
    return found == bounds.end() ? nullptr : &found->second;
}

bool is_float(const storage::ArrayInfo& info) {
    return info.numeric && info.type >= storage::Numeric::f16;
}

// Integers stay exact beside floating-point data, and row numbers and labels - one axis - beside
// data of more, unless they are named.
void keep_integers(const std::vector<codec::Input>& inputs, Bounds& bounds) {
    const auto any = [&](auto test) {
        return std::any_of(inputs.begin(), inputs.end(),
                           [&](const codec::Input& one) { return test(one.info); });
    };
    const bool floats = any(
        [](const storage::ArrayInfo& info) { return is_float(info) && info.shape.elements() > 0; });
    const bool samples = any([](const storage::ArrayInfo& info) { return info.shape.rank() > 1; });
    for (const codec::Input& input : inputs)
        if (input.info.numeric && !is_float(input.info) &&
            (floats || (samples && input.info.shape.rank() == 1)) &&
            named(bounds, input.info.path) == nullptr)
            bounds.emplace_back(input.info.path, Wanted{Wanted::Kind::lossless, 0});
}

// The checksums that narrows keeps beside samples say nothing of values that a bound may change;
// chunks have their own.
void leave_out_checksums(std::vector<codec::Input>& inputs, const codec::Job& job) {
    bool lossy = false;
    for (codec::Input& input : inputs) {
        if (input.info.path != storage::checked_path) continue;
        const Wanted* own = named(job.bounds, input.info.path);
        const Wanted::Kind kind = (own != nullptr ? *own : job.wanted).kind;
        lossy = kind != Wanted::Kind::lossless && kind != Wanted::Kind::unsaid;
        if (lossy)
            std::erase_if(input.info.attributes,
                          [](const auto& one) { return one.first == storage::checksum_attribute; });
    }
    if (lossy)
        std::erase_if(inputs, [](const codec::Input& input) {
            return input.info.path == storage::checksums_path;
        });
}

codec::Prefer prefer_of(const std::string& word) {
    if (word.empty() || word == "balanced") return codec::Prefer::balanced;
    if (word == "size") return codec::Prefer::size;
    if (word == "speed") return codec::Prefer::speed;
    throw Error(Fault::usage,
                fmt::format("--prefer \"{}\": must be size, balanced or speed", word));
}

}  // namespace

int compress(CommandLine& line) {
    recipes::Source source;
    std::string output;
    std::optional<double> absolute, range, pointwise, psnr, budget;
    bool lossless = false, explained = false;
    std::string prefer, model;
    std::vector<std::string> per_variable;
    codec::Job job;
    line.data(source);
    line.option("-o,--output", output, "file to write");
    line.require("--output");
    line.option("--abs", absolute, "no value is off by more than this");
    line.option("--rel", range, "the same, of the range of the finite values that are not fill");
    line.option("--pointwise", pointwise, "no value is off by more than this times itself");
    line.option("--psnr", psnr, "peak signal to noise ratio in dB, at least");
    line.flag("--lossless", lossless, "every bit; what integers get unless a bound is given");
    line.option("--per-variable", per_variable,
                "another bound for one dataset: NAME=abs:E, rel:E, pointwise:E, psnr:D or "
                "lossless; again for more");
    line.option("-m,--model", model,
                "a compressed file: take its models for datasets of the same name, store their "
                "hashes alone");
    line.flag("--embed", job.embed, "with -m: store the models too");
    line.flag("--explain", explained, "print what each way of coding would have taken");
    line.option("--budget", budget,
                "seconds that fitting a dataset may take on two ordinary cores, roughly; 60");
    line.option("--prefer", prefer,
                "size, speed, or balanced: rows in as many lanes as cost less than 1 %");
    line.option("--chunk-rows", job.chunk_rows, "rows of a chunk; about 4 MiB otherwise");
    line.parse();
    const Common& common = line.common();
    select_kernel(common);
    job.wanted = wanted_of(absolute, range, pointwise, psnr, lossless);
    job.budget = budget.value_or(job.budget);
    job.prefer = prefer_of(prefer);
    for (const std::string& text : per_variable) {
        auto bound = bound_of_variable(text);
        if (named(job.bounds, bound.first) != nullptr)
            throw Error(Fault::usage,
                        fmt::format("--per-variable gives {} two bounds", bound.first), "give one");
        job.bounds.push_back(std::move(bound));
    }
    if (job.embed && model.empty())
        throw Error(Fault::usage, "--embed without -m",
                    "models that are fitted here are stored in any case");
    if (!model.empty()) job.models = codec::models_of(model);
    if (!(job.budget >= 0 && job.budget <= 1e6))
        throw Error(Fault::usage,
                    fmt::format("--budget {:g}: must be from 0 to 1000000 seconds", job.budget));
    if (job.chunk_rows < 0)
        throw Error(Fault::usage,
                    fmt::format("--chunk-rows {}: must be at least 1", job.chunk_rows));
    PackedInputs inputs = open_packed_inputs(source);
    std::vector<std::string> read = inputs.files;
    if (!model.empty()) read.push_back(model);
    refuse_outputs(common, {read, {output}});
    const auto has_path = [](const std::string& path) {
        return [&path](const codec::Input& one) { return one.info.path == path; };
    };
    for (const auto& [path, wanted] : job.bounds)
        if (std::none_of(inputs.inputs.begin(), inputs.inputs.end(), has_path(path)))
            throw Error(Fault::usage, fmt::format("--per-variable: there is no dataset {}", path),
                        "narrows info lists what is there");
    keep_integers(inputs.inputs, job.bounds);
    leave_out_checksums(inputs.inputs, job);
    if (job.wanted.kind == Wanted::Kind::unsaid)
        for (const codec::Input& input : inputs.inputs)
            if (named(job.bounds, input.info.path) == nullptr && codec::needs_bound(input.info))
                throw Error(
                    Fault::usage,
                    fmt::format("{} holds {} values: how far may they be off?", input.info.path,
                                storage::to_string(input.info.type)),
                    "--abs E, --rel E (of the range), --pointwise E, --psnr D, or --lossless");
    if (common.dry_run) {
        say(common,
            fmt::format("compress: {} datasets; nothing was written", inputs.inputs.size()));
        return 0;
    }
    const StopScope scope;
    job.stop = [] { return stop_signal() != 0; };
    const auto start = std::chrono::steady_clock::now();
    std::vector<ArrayResult> arrays;
    std::size_t threads = 1;
    try {
        flow::with_loop(static_cast<std::size_t>(common.threads), [&](const Loop& loop) {
            threads = loop.threads();
            arrays = codec::compress_file(output, inputs.inputs, inputs.attributes, job, loop);
        });
    } catch (const Error&) {
        if (stop_signal() != 0) return stop_exit_code();
        throw;
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

    if (explained && !common.json) explain(arrays);
    ArrayResult total;
    std::uint64_t samples = 0;
    double max_error = 0, bound = 0, least_psnr = std::numeric_limits<double>::infinity();
    std::string methods;
    for (const ArrayResult& array : arrays) {
        total.values += array.values;
        total.bytes_in += array.bytes_in;
        total.bytes_out += array.bytes_out;
        total.model_bytes += array.model_bytes;
        total.violations += array.violations;
        max_error = std::max(max_error, array.max_error);
        bound = std::max(bound, array.bound);
        least_psnr = std::min(least_psnr, array.psnr);
        if (methods.find(array.method) == std::string::npos)
            methods += (methods.empty() ? "" : ", ") + array.method;
    }
    for (const codec::Input& input : inputs.inputs)
        if (input.info.shape.rank() > 0)
            samples = std::max(samples, static_cast<std::uint64_t>(input.info.shape[0]));
    const double stored = static_cast<double>(total.bytes_out + total.model_bytes);
    Results results;
    results.add("bytes_in", static_cast<std::int64_t>(total.bytes_in));
    results.add("bytes_out", static_cast<std::int64_t>(total.bytes_out + total.model_bytes));
    results.add("model_bytes", static_cast<std::int64_t>(total.model_bytes));
    results.add("file_bytes", static_cast<std::int64_t>(std::filesystem::file_size(output)));
    results.add("ratio", stored > 0 ? static_cast<double>(total.bytes_in) / stored : 1.0);
    results.add("bits_per_value",
                total.values > 0 ? 8 * stored / static_cast<double>(total.values) : 0.0);
    results.add("bound", bound);
    results.add("max_error", max_error);
    results.add("psnr", least_psnr);
    results.add("violations", static_cast<std::int64_t>(total.violations));
    results.add("method", methods);
    results.add("megabytes_per_second",
                seconds > 0 ? static_cast<double>(total.bytes_in) / 1e6 / seconds : 0.0);
    results.add_work(samples, seconds, threads);
    print_results(common, results, ResultsAre::talk);
    return total.violations == 0 ? 0 : static_cast<int>(Fault::run);
}

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
    const StopScope scope;
    codec::Job job;
    job.stop = [] { return stop_signal() != 0; };
    const auto start = std::chrono::steady_clock::now();
    std::uint64_t bytes = 0;
    std::size_t threads = 1;
    try {
        flow::with_loop(static_cast<std::size_t>(common.threads), [&](const Loop& loop) {
            threads = loop.threads();
            bytes = codec::decompress_file(from, to, job, loop);
        });
    } catch (const Error&) {
        if (stop_signal() != 0) return stop_exit_code();
        throw;
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    Results results;
    results.add("bytes_out", static_cast<std::int64_t>(bytes));
    results.add("megabytes_per_second",
                seconds > 0 ? static_cast<double>(bytes) / 1e6 / seconds : 0.0);
    results.add_work(0, seconds, threads);
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
    const auto start = std::chrono::steady_clock::now();
    codec::Verification result;
    std::size_t threads = 1;
    flow::with_loop(static_cast<std::size_t>(common.threads), [&](const Loop& loop) {
        threads = loop.threads();
        result = codec::verify_file(path, inputs.inputs, loop);
    });
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
    results.add_work(0, seconds, threads);
    print_results(common, results, ResultsAre::data);
    if (!result.problems.empty()) return static_cast<int>(Fault::input);
    return result.violations > 0 ? static_cast<int>(Fault::run) : 0;
}

}  // namespace narrows::tools
