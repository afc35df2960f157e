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
    std::string format, sample_type, label_column, columns, on_bad_row, on_drift;
    std::string scale;                // auto none unit minmax standard
    std::vector<std::int64_t> shape;  // of a sample, raw binary
    std::int64_t window = 0, stride = 0;
    std::int64_t batch = 0;
    std::optional<std::int64_t> ply;                     // chess games
    std::string part;                                    // "2/4": of the rows; encode, score
    std::int64_t all_rows = 0;                           // with `part`: of the data
    bool masks() const { return on_bad_row == "mask"; }  // missing values do not count
};

// What a preset must know about the data; low and high are after scaling.
struct DataFacts {
    std::int64_t rows = 0;
    Shape sample;
    double low = 0, high = 0;
    bool classes = false;  // labels that the loss can be told by
    std::int64_t features() const { return sample.elements(); }
    bool unit_range() const { return low >= 0 && high <= 1; }
};

struct Corruption {
    std::string kind;  // "gaussian", "masking", "salt-and-pepper"; "": none
    double amount = 0;
    std::optional<double> last{};  // in the last epoch, where the amount changes
};
// "gaussian:0.3", "masking", "gaussian:0.5:0.1" (from the first epoch to the last), "none"; throws
// Error{Fault::usage} with what is known.
NARROWS_PUBLIC Corruption parse_corruption(std::string_view text);

// How much corrupted values count in the loss, and all others (Vincent et al. 2010).
struct Emphasis {
    double alpha = 1, beta = 1;
};
// "2" (and 1 for the others), "1,0"; throws Error{Fault::usage}.
NARROWS_PUBLIC Emphasis parse_emphasis(std::string_view text);

// What the user asked for; nullopt and empty: the preset decides.
struct TrainOptions {
    std::string preset = "undercomplete";
    Source source;
    std::string output;
    std::optional<std::int64_t> epochs, batch, latent, patience, pretrain_epochs;
    std::optional<double> rate, beta;
    std::string sparsity;               // "l1:W", "kl:RHO", "k:N"
    std::string codebook;               // "K" or "K:D": entries, and values of each
    std::optional<double> contraction;  // weight of the contractive penalty; 0: none
    std::string likelihood;  // variational: "bernoulli", "gaussian[:SCALE]", "laplace[:SCALE]"
    bool tied = false;
    std::optional<std::vector<std::int64_t>> hidden;  // empty: no hidden layer
    std::optional<Corruption> corruption;
    std::optional<Emphasis> emphasis;
    std::string validate;  // "", a fraction in (0, 1), or DATA
    std::string loss, optimizer, schedule, activation, init;
    std::string precision;          // of Adam's moments: "bf16"; "" and "fp32": fp32
    std::string output_activation;  // "": sigmoid with BCE, else linear
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
    bool dense_code = false;  // convolutional: `latent` values, not the channels that are left
    bool variational = false;
    bool layerwise = false;
    std::int64_t pretrain_epochs = 0;  // layerwise: of each stage before the last
    double beta = 1;                   // weight of the divergence; quantised: of the commitment
    double contraction = 0;            // weight of the contractive penalty; 0: none
    std::int64_t codebook = 0;         // entries; 0: codes are not quantised
    std::int64_t entry_size = 0;  // values of an entry; 0: the channels of a convolutional code
    std::string sparsity;         // "l1", "kl" or "k"; "": none
    double sparsity_amount = 0;   // weight of l1, activity of kl
    bool normalise = false;       // the model works on centred data of deviation 1
    std::string likelihood;       // "bernoulli", "gaussian", "laplace"; "": as the loss
    double likelihood_scale = 0;  // of the last two; 0: learned
    bool batch_norm = false;      // behind each dense layer but the output
    double dropout = 0;           // behind its activation
    bool centred = false;         // around a trained centre, units' weights of length 1
    std::string hidden_act = "relu", code_act = "linear", output_act = "linear", init;
    std::string loss = "mse", optimizer = "adam", schedule = "cosine";
    std::string precision = "fp32";  // of the optimiser's moments
    double rate = 1e-3;
    Corruption corruption;
    std::optional<Emphasis> emphasis;
    double validation_fraction = 0;
    std::string validation_data;
    std::uint64_t seed = 1;
    bool keep_checkpoints = false;
    std::string model_text, model_name = "ae";
};
// Is the contractive penalty's Jacobian exact (one dense layer), or estimated?
NARROWS_PUBLIC bool exact_contraction(const Choices& choices);
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

// How samples are drawn where the output is a picture. Empty and 0: the node's defaults.
struct PictureOptions {
    std::int64_t count = 0;                  // samples or units
    std::int64_t columns = 0, scale = 0;     // side by side; pixels a value
    std::vector<std::int64_t> sample_shape;  // instead of the samples' own
    std::string style;                       // "pictures", "curves"
};

// The verbs that stream a trained model's data.
struct StreamOptions {
    Source source;
    std::string model;   // M.h5
    std::string output;  // not for evaluate
    std::uint64_t seed = 1;
    bool bce = false;          // evaluate: data and model allow it
    bool labels = false;       // the data has labels to carry along
    bool live = false;         // encode: under its own name from the start
    bool append = false;       // encode: behind the rows that the output has
    int level = -1;            // deflate level of samples; -1: the node's default
    bool gaussian = false;     // a variational model
    bool mean = false;         // evaluate: decode the mean, not a draw
    bool quantised = false;    // the encoder ends in a codebook
    bool jacobian = false;     // evaluate: estimate the encoder's Jacobian norm
    Corruption corruption;     // evaluate: of the input; the clean sample stays the target
    double low = 0, high = 1;  // evaluate: where salt and pepper stand, in scaled units
    std::string likelihood;    // the model's; "": BCE where `bce`, else a normal of deviation 1
    double likelihood_scale = 1;
    bool learned_scale = false;    // the decoder gives it
    bool int8 = false;             // encode: in 8-bit integers
    std::int64_t calibration = 0;  // its samples; 0: the node's default
    bool log_variance = false;     // encode: of a gaussian latent, stored beside its means
    std::int64_t draws = 0;        // encode: samples of a gaussian latent, stored too
    std::int64_t layers = 0;       // encode: of the encoder, up to the layer that is stored; 0: all
    bool error = true;             // encode: decode each sample for its error
    std::int64_t importance = 0;   // evaluate: draws a sample for the log-likelihood
    std::int64_t samples = 0;      // sample: how many
    std::string fit;               // sample: DATA whose codes the mixture is fitted to
    std::int64_t components = 0;   // sample: of the mixture; 0: the prior
    std::string from, to, path;    // interpolate: DATA, and "linear" or "spherical"
    std::int64_t steps = 0;        // interpolate: points from one to the other, both included
    std::optional<PictureOptions> picture;  // reconstruct, sample, interpolate: the output is a PNG
};
// p(x | z) that the model was made for.
NARROWS_PUBLIC std::string likelihood_of(const StreamOptions& options);
NARROWS_PUBLIC std::string interpolate(const StreamOptions& options);
NARROWS_PUBLIC std::string sample(const StreamOptions& options);
NARROWS_PUBLIC std::string encode(const StreamOptions& options);
NARROWS_PUBLIC std::string decode(const StreamOptions& options);
NARROWS_PUBLIC std::string reconstruct(const StreamOptions& options);
NARROWS_PUBLIC std::string evaluate(const StreamOptions& options);

// A supervised head on the encoder of a trained model, and what it says of new data.
struct ClassifyOptions {
    Source source;
    std::string labels;                 // DATA with one label a row; "": beside the samples
    std::string model, output;          // train: M.h5 -> C.h5; predict: C.h5 -> "" or a table
    std::vector<std::string> freeze;    // "encoder" or layers of it, "0", "1"; empty: all train
    std::int64_t encoder_layers = 0;    // that the model has, once known
    std::vector<std::int64_t> classes;  // labels in the data, in increasing order
    std::vector<std::string> class_names;
    std::int64_t rows = 0;  // that are trained on
    std::int64_t labels_per_class = 0, layers = 0;
    std::optional<std::int64_t> epochs, head_epochs, batch;
    std::optional<double> rate, head_rate, dropout, decay;
    std::optional<Corruption> corruption;
    std::vector<std::int64_t> hidden;       // of the head
    bool fresh = false;                     // the encoder's shapes with new weights
    std::string validate, validate_labels;  // DATA
    std::int64_t patience = 0;
    std::uint64_t seed = 1;
    bool labelled = false;  // predict: true labels are there
    bool keep_checkpoints = false;
};
// Throws Error{Fault::usage}: fewer than two classes, options that do not go together.
NARROWS_PUBLIC std::string classify_train(const ClassifyOptions& options);
NARROWS_PUBLIC std::string classify_predict(const ClassifyOptions& options);
// What each unit responds to: out of the model alone, or with data the samples that excite it.
struct UnitsOptions {
    std::string model, output;
    std::string layer, method;  // "encoder.1"; "weights", "ascent"
    Source source;              // no data: none
    std::int64_t last = 0;      // with data: the encoder's layers up to the chosen one; 0: all
    std::int64_t samples = 0;   // with data: averaged for each unit
    std::uint64_t seed = 1;
    PictureOptions picture;
};
NARROWS_PUBLIC std::string units(const UnitsOptions& options);

// Labels that a node reads for itself. Empty `data`: none.
struct LabelSource {
    std::vector<std::string> data;
    std::string format, column, columns;
};

struct ProbeOptions {
    Source source;  // with the test's DATA at its end
    LabelSource labels;
    std::string model;
    std::int64_t test_samples = 0;  // at the end; 0: random splits
    std::int64_t neighbours = 5, splits = 5;
    std::uint64_t seed = 1;
};
NARROWS_PUBLIC std::string probe(const ProbeOptions& options);

struct MapOptions {
    Source source;
    LabelSource labels;
    std::string model, output;  // no model: samples as they are
    std::string method;         // "tsne", "pca"; "": the node's default
    std::optional<double> perplexity;
    std::int64_t iterations = 0, neighbours = 0;
    bool shows_samples = false;              // the output is a page
    std::vector<std::int64_t> sample_shape;  // on the page, instead of the samples' own
    std::uint64_t seed = 1;
};
NARROWS_PUBLIC std::string map(const MapOptions& options);

// log p(x) of a variational model, by importance-weighted draws.
struct Importance {
    std::int64_t draws = 0;                // a sample; 0: not
    std::string likelihood = "bernoulli";  // p(x | z): "gaussian", "laplace"
    double scale = 1;                      // where the model does not learn it
};

struct ScoreOptions {
    Source source;  // with the reference's DATA before the scored
    LabelSource labels;
    std::string model, output;
    std::int64_t reference_samples =
        0;                         // at the start: the threshold is theirs, they are not stored
    std::int64_t series_rows = 0;  // windows: rows of the series that they were cut from
    double quantile = 0;           // 0: no threshold
    bool per_feature = false;
    Importance importance;  // the score is then -log p(x), nats
    std::uint64_t seed = 1;
};
NARROWS_PUBLIC std::string score(const ScoreOptions& options);

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
NARROWS_PUBLIC std::string in_quotes(std::string_view text);

// A small pipeline that works as it is, for `new pipeline`.
NARROWS_PUBLIC std::string starter(std::string_view name);

}  // namespace narrows::recipes
