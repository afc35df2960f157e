#include <charconv>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "pipeline/exchange/exchange.hpp"
#include "pipeline/model/model_file.hpp"
#include "tools/console.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/timed_loop.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

constexpr std::uintmax_t most_bytes = std::uintmax_t{1} << 31;  // that a protobuf may have

std::string read_bytes(const std::string& path) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored))
        throw Error(Fault::input, fmt::format("\"{}\": no such file", path));
    const std::uintmax_t size = std::filesystem::file_size(path, ignored);
    if (size >= most_bytes)
        throw Error(Fault::input, fmt::format("\"{}\" is larger than 2 GiB: no ONNX file", path));
    std::string bytes(size, '\0');
    std::ifstream in(path, std::ios::binary);
    if (!in.read(bytes.data(), static_cast<std::streamsize>(size)))
        throw Error(Fault::input, fmt::format("\"{}\" cannot be read", path));
    return bytes;
}

std::vector<std::int64_t> extents(const std::string& text) {
    std::vector<std::int64_t> out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data() + at, text.data() + comma, value);
        if (error != std::errc{} || end != text.data() + comma || value < 1)
            throw Error(Fault::usage,
                        fmt::format("--sample-shape {}: \"{}\" is not a positive number", text,
                                    text.substr(at, comma - at)),
                        "write it as --sample-shape 1,28,28");
        out.push_back(value);
        at = comma + 1;
    }
    return out;
}

}  // namespace

int import_onnx(CommandLine& line) {
    std::string from, to, shape;
    exchange::ImportOptions options;
    line.positional("FILE.onnx", from, "a chain of layers from one input");
    line.option("-o,--output", to, "model to write");
    line.require("--output");
    line.option("--code", options.output, "the tensor that is the code (the file's first output)");
    line.flag("--decoder", options.decoder,
              "what stands behind --code becomes the model's decoder");
    line.option("--sample-shape", shape,
                "extents of a sample as the file has them, where it leaves them open: 1,28,28");
    line.parse();
    const Common& common = line.common();
    if (options.decoder && options.output.empty())
        throw Error(Fault::usage, "--decoder needs --code", "name the tensor that is the code");
    options.sample = extents(shape);
    refuse_outputs(common, {{from}, {to}});
    const StopWatch watch;
    const recipes::Session session = make_session(common);
    const auto model = [&] {
        try {
            return exchange::import_onnx(read_bytes(from), session.registry(), options);
        } catch (const Error& error) {
            if (error.fault() != Fault::input || std::string(error.what()).starts_with('"')) throw;
            throw Error(Fault::input, fmt::format("\"{}\": {}", from, error.what()), error.hint());
        }
    }();
    const std::string told =
        fmt::format("samples of {}: {}", to_string(model->input_shape()), model->describe());
    if (common.dry_run) {
        say(common, told + "; nothing was written");
        return 0;
    }
    storage::write_bundle(to, model::to_bundle(*model, ""));
    say(common, told);
    if (!common.json) return 0;
    Results results;
    results.add("parameters", static_cast<std::int64_t>(model->parameter_count()));
    results.add("model_sha256", model->sha256());
    results.add_work(0, watch.seconds(), 1);
    print_results(common, results, ResultsAre::data);
    return 0;
}

}  // namespace narrows::tools
