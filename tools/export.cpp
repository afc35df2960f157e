#include <filesystem>

#include <fmt/format.h>

#include "pipeline/exchange/exchange.hpp"
#include "pipeline/storage/atomic_file.hpp"
#include "tools/console.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/timed_loop.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

exchange::Part part_named(std::string_view name) {
    if (name == "encoder") return exchange::Part::encoder;
    return name == "decoder" ? exchange::Part::decoder : exchange::Part::model;
}

}  // namespace

int export_model(CommandLine& line) {
    std::string from, to, what = "model";
    line.positional("M.h5", from, "trained model");
    line.option("-o,--output", to, "FILE.onnx to write");
    line.require("--output");
    line.choice("--what", what, {"encoder", "decoder", "model"},
                "encoder: x to z; decoder: z to reconstruction; model: both, of a classifier to "
                "logits (model)");
    line.parse();
    const Common& common = line.common();
    refuse_outputs(common, {{from}, {to}});
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(from, ignored))
        throw Error(Fault::input, fmt::format("model \"{}\": no such file", from),
                    "train one with narrows train");
    const StopWatch watch;
    const recipes::Session session = make_session(common);
    model::Autoencoder model;
    ModelSpec spec;
    spec.name = "model";
    spec.file = from;
    model.build(spec, session.registry(), 1);
    const std::string bytes = exchange::export_onnx(model, session.registry(), part_named(what));
    const std::string told =
        fmt::format("{} of {}: {} bytes", what, model.describe(), bytes.size());
    if (common.dry_run) {
        say(common, told + "; nothing was written");
        return 0;
    }
    storage::write_text_atomically(to, bytes);
    say(common, told);
    if (!common.json) return 0;
    Results results;
    results.add("what", what);
    results.add("bytes_out", static_cast<std::int64_t>(bytes.size()));
    results.add("model_sha256", model.sha256());
    results.add_work(0, watch.seconds(), 1);
    print_results(common, results, ResultsAre::data);
    return 0;
}

}  // namespace narrows::tools
