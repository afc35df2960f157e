// A verb or preset -> the pipeline that it stands for. Text in, text out: options and a few facts
// about the data become TOML for the language. One rule: no file is opened here, and no layer or
// file format is known; what a preset chose can be read from the text, and is stored with it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pipeline/node.hpp"

namespace narrows::recipes {

// DATA and the options beside it, as the `load` node takes them. Empty and 0: left out.
struct Source {
    std::vector<std::string> data;  // FILE[:/dataset][@first:last]
    std::string format, sample_type, label_column, columns, on_bad_row;
    std::string scale;                // auto none unit minmax standard
    std::vector<std::int64_t> shape;  // of a sample, raw binary
    std::int64_t window = 0, stride = 0;
    std::int64_t batch = 0;
};

// What a preset must know about the data; low and high are after scaling.
struct DataFacts {
    std::int64_t rows = 0;
    Shape sample;
    double low = 0, high = 0;
    std::int64_t features() const { return sample.elements(); }
    bool unit_range() const { return low >= 0 && high <= 1; }
};

struct Corruption {
    std::string kind;  // "gaussian", "masking", "salt-and-pepper"; "": none
    double amount = 0;
};
// "gaussian:0.3", "masking", "none"; throws Error{Fault::usage} with what is known.
NARROWS_PUBLIC Corruption parse_corruption(std::string_view text);

// What the user asked for; nullopt and empty: the preset decides.
struct TrainOptions {
    std::string preset = "undercomplete";
    Source source;
    std::string output;
    std::optional<std::int64_t> epochs, batch, latent, patience, pretrain_epochs;
    std::optional<double> rate, beta;
    std::string sparsity;  // "l1:W", "kl:RHO", "k:N"
    bool tied = false;
    std::optional<std::vector<std::int64_t>> hidden;  // empty: no hidden layer
    std::optional<Corruption> corruption;
    std::string validate;  // "", a fraction in (0, 1), or DATA
    std::string loss, optimizer, schedule, activation, init;
    std::uint64_t seed = 1;
    bool keep_checkpoints = false;
    bool allow_identity = false;
    // Instead of a preset: the text of one [model.NAME] table, and what its output needs.
    std::string model_text, model_name;
};

// Everything that is decided before the text is written; printed before training.
struct Choices {
    std::string preset;
    Source source;
    std::string output;
    DataFacts facts;
    std::vector<std::int64_t> hidden;
    std::int64_t latent = 0, epochs = 20, batch = 128, patience = 0;
    bool tied = false;
    bool convolutional = false;
    bool variational = false;
    bool layerwise = false;
    std::int64_t pretrain_epochs = 0;  // layerwise: of each stage before the last
    double beta = 1;                   // weight of the divergence
    std::string sparsity;              // "l1", "kl" or "k"; "": none
    double sparsity_amount = 0;        // weight of l1, activity of kl
    bool centred = false;              // around a trained centre, units' weights of length 1
    bool normalise = false;            // the model works on centred data of deviation 1
    std::string hidden_act = "relu", code_act = "linear", output_act = "linear", init;
    std::string loss = "mse", optimizer = "adam", schedule = "cosine";
    double rate = 1e-3;
    Corruption corruption;
    double validation_fraction = 0;
    std::string validation_data;
    std::uint64_t seed = 1;
    bool keep_checkpoints = false;
    std::string model_text, model_name = "ae";
};
// "784-256-32-256-784"; empty where the model comes from a file.
NARROWS_PUBLIC std::string sizes(const Choices& choices);

// Names and one-line texts of the presets that train() knows.
struct PresetInfo {
    std::string_view name, summary;
};
NARROWS_PUBLIC std::span<const PresetInfo> presets();

// Throws Error{Fault::usage} with those there are when there is no such preset.
NARROWS_PUBLIC void require_preset(const std::string& name);

// Applies the preset's rules. Throws Error{Fault::usage}: unknown preset (with those there are),
// a code that is not narrower than the sample, options that the preset cannot take.
NARROWS_PUBLIC Choices resolve(const TrainOptions& options, const DataFacts& facts);
NARROWS_PUBLIC std::string train(const Choices& choices);

// The verbs that stream a trained model's data.
struct StreamOptions {
    Source source;
    std::string model;   // M.h5
    std::string output;  // not for evaluate
    std::uint64_t seed = 1;
    bool bce = false;          // evaluate: data and model allow it
    bool labels = false;       // the data has labels to carry along
    int level = -1;            // deflate level of samples; -1: the node's default
    bool gaussian = false;     // a variational model
    bool mean = false;         // evaluate: decode the mean, not a draw
    std::int64_t samples = 0;  // sample: how many
};
NARROWS_PUBLIC std::string sample(const StreamOptions& options);
NARROWS_PUBLIC std::string encode(const StreamOptions& options);
NARROWS_PUBLIC std::string decode(const StreamOptions& options);
NARROWS_PUBLIC std::string reconstruct(const StreamOptions& options);
NARROWS_PUBLIC std::string evaluate(const StreamOptions& options);

struct GenerateOptions {
    std::string kind, output, type;  // type: of the stored samples; "": the node's default
    std::int64_t samples = 0;
    std::uint64_t seed = 1;
    int level = -1;
};
NARROWS_PUBLIC std::string generate(const GenerateOptions& options);

struct ImportOptions {
    Source source;
    std::string output, type;
    bool labels = false;
    int level = -1;
};
NARROWS_PUBLIC std::string import_data(const ImportOptions& options);

// A TOML basic string, for overrides and texts made elsewhere.
NARROWS_PUBLIC std::string quoted(std::string_view text);

// A small pipeline that works as it is, for `new pipeline`.
NARROWS_PUBLIC std::string starter(std::string_view name);

}  // namespace narrows::recipes
