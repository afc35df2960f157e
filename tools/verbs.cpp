#include <algorithm>

#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

constexpr Verb table[] = {
    {"import", "DATA... -o F.h5", "one HDF5 dataset out of anything readable",
     "narrows import train-images-idx3-ubyte.gz --labels train-labels-idx1-ubyte.gz -o mnist.h5",
     import_data, takes_pipeline},
    {"generate", "KIND -n N -o F.h5", "procedural data: digits, waves, fields or blobs",
     "narrows generate digits -n 20000 -o digits.h5", generate, takes_pipeline},
    {"train", "DATA --model PRESET|FILE.toml -o M.h5", "train an autoencoder",
     "narrows train digits.h5 --model undercomplete --latent 16 -o model.h5", train,
     takes_pipeline},
    {"encode", "DATA -m M.h5 -o Z.h5", "codes, with row ids and errors",
     "narrows encode digits.h5 -m model.h5 -o codes.h5", encode, takes_pipeline},
    {"decode", "Z.h5 -m M.h5 -o X.h5", "codes back to data",
     "narrows decode codes.h5 -m model.h5 -o back.h5", decode, takes_pipeline},
    {"reconstruct", "DATA -m M.h5 -o X.h5|GRID.png",
     "data through code and back, as data or picture",
     "narrows reconstruct digits.h5@0:100 -m model.h5 -o back.h5", reconstruct, takes_pipeline},
    {"evaluate", "DATA -m M.h5", "losses and health of a model on data",
     "narrows evaluate test.h5 -m model.h5 --json", evaluate, takes_pipeline},
    {"score", "DATA -m M.h5 -o S.h5", "how odd each sample is, by its reconstruction",
     "narrows score sensors.csv -m model.h5 -o scores.h5 --threshold-quantile 0.99", score,
     takes_pipeline},
    {"probe", "DATA -m M.h5 --labels DATA", "accuracy on codes beside raw input and PCA",
     "narrows probe digits.h5 -m model.h5 --fail-under PCA", probe, takes_pipeline},
    {"map", "DATA [-m M.h5] -o MAP.h5|.png|.svg|.html",
     "t-SNE or PCA to the plane, of codes or data", "narrows map digits.h5 -m model.h5 -o map.html",
     map, takes_pipeline},
    {"report", "DATA -m M.h5 -o R.html", "one page: curves, reconstructions, units, map, health",
     "narrows report test.h5 -m model.h5 -o report.html", report,
     takes_pipeline & ~(takes_resume | takes_metrics)},
    {"sample", "-m M.h5 -n N -o X.h5|GRID.png",
     "new data from a model's prior, or a mixture of its codes",
     "narrows sample -m model.h5 -n 100 -o new.h5", sample, takes_pipeline},
    {"classify train", "DATA --labels DATA -m M.h5 -o C.h5",
     "a supervised head on a trained encoder",
     "narrows classify train digits.h5 -m model.h5 --labels-per-class 10 -o classifier.h5",
     classify_train, takes_pipeline},
    {"classify predict", "DATA -m C.h5", "classes of new data; with labels the accuracy",
     "narrows classify predict test.h5 -m classifier.h5 --json", classify_predict, takes_pipeline},
    {"interpolate", "-m M.h5 --from DATA --to DATA -o X.h5|GRID.png",
     "data between rows, along their codes",
     "narrows interpolate -m model.h5 --from a.h5@0:1 --to a.h5@1:2 --steps 9 -o path.h5",
     interpolate, takes_pipeline},
    {"units", "M.h5 -o GRID.png", "a picture of what each unit of a layer responds to",
     "narrows units model.h5 --layer encoder.1 --count 100 -o units.png", units, takes_pipeline},
    {"chart", "TABLE.csv -o FIGURE.svg --x COLUMN --y COLUMN",
     "measurements as lines with their spread",
     "narrows chart recall.csv --x epochs --y recall --series kind --log-x -o recall.svg", chart,
     takes_output},
    {"run", "FILE.toml", "run any pipeline", "narrows run denoise.toml --set node.noisy.sigma=0.5",
     run, takes_pipeline},
    {"check", "FILE.toml", "all errors of a pipeline at once; runs nothing",
     "narrows check denoise.toml", check, takes_set | takes_speed | takes_files | takes_no_clobber},
    {"graph", "FILE.toml|FILE.h5", "draw a pipeline with its shapes",
     "narrows graph denoise.toml --format dot | dot -Tsvg > denoise.svg", graph,
     takes_set | takes_speed | takes_files | takes_stats},
    {"nodes", "[TYPE]", "node types, their ports and parameters", "narrows nodes optimize.adam",
     nodes, takes_plugins},
    {"plugins", "", "the plugins that were found, and where", "narrows plugins -v", plugins,
     takes_plugins},
    {"info", "FILE.h5", "what is in an HDF5 file, a model or a file of codes",
     "narrows info model.h5 --check", info, takes_speed | takes_files},
    {"compress", "DATA... -o C.h5", "datasets smaller, within a bound that every value holds",
     "narrows compress waves.h5 --rel 1e-3 -o waves.c.h5 --explain", compress,
     takes_output | takes_speed | takes_files | takes_grace},
    {"decompress", "C.h5 -o X.h5", "a compressed file back to a plain one",
     "narrows decompress waves.c.h5 -o waves.h5", decompress,
     takes_output | takes_speed | takes_files | takes_grace},
    {"verify", "C.h5 [DATA]", "every checksum of a compressed file, every value against its bound",
     "narrows verify waves.c.h5 waves.h5", verify, takes_speed | takes_files},
    {"join", "PART... -o Z.h5",
     "parts of encode, score or compress, checked, as one file that links to them",
     "narrows join codes.d -o codes.h5", join, takes_no_clobber | takes_speed | takes_trust},
    {"export", "M.h5 -o M.onnx", "a model as an ONNX file, for other runtimes",
     "narrows export model.h5 --what encoder -o encoder.onnx", export_model,
     takes_output | takes_files},
    {"import-onnx", "FILE.onnx -o M.h5", "a model that encodes as a network trained elsewhere",
     "narrows import-onnx encoder.onnx -o model.h5", import_onnx, takes_output | takes_plugins},
    {"repack", "F.h5 -o G.h5", "one plain file: no chunks, no filters, nothing outside it",
     "narrows repack foreign.nc -o plain.h5", repack, takes_output | takes_speed | takes_trust},
    {"new", "plugin|pipeline NAME", "start a plugin or a pipeline", "narrows new plugin wavelet",
     make_new, takes_dry_run},
    {"man", "[VERB]", "a manual page, or with -o the pages of all verbs",
     "narrows man train > narrows-train.1", man, takes_output},
    {"completion", "bash|zsh|fish", "what a shell reads to complete narrows' command lines",
     "source <(narrows completion bash)", completion},
    {"bench", "[NAME]", "speed and memory against the limits of this machine",
     "narrows bench train-a", bench, takes_dry_run | takes_speed},
};

}  // namespace

std::span<const Verb> verbs() {
    return table;
}

const Verb* find_verb(std::string_view name) {
    const auto* found = std::find_if(std::begin(table), std::end(table),
                                     [&](const Verb& verb) { return verb.name == name; });
    return found == std::end(table) ? nullptr : found;
}

}  // namespace narrows::tools
