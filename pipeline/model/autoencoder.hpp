// The model that encode and decode nodes bind: an encoder and a decoder, each a stack of layers,
// the scaling of its data, and the optimiser's state. One rule: the values (weights, scaling,
// architecture) decide every output; nothing else in here does.
#pragma once

#include <map>

#include <xtensor/xtensor.hpp>

#include "pipeline/layers/layer.hpp"
#include "pipeline/ranks/ranks.hpp"

namespace narrows::model {

// x_scaled = (x - shift) * factor, per feature or one pair for all; fitted at training.
struct Scaling {
    std::string kind = "none";           // "none", "unit" (u8 / 255), "minmax", "standard"
    std::string source_type;             // type of the training data: "u8", "f32", ...
    std::vector<float> shift, factor;    // size 0 (none), 1 or features
    std::vector<float> low, high;        // range seen at training, raw units: 1 or features
    std::vector<float> mean, deviation;  // per feature, raw units (drift, new data guard)
};

// A log-variance of a Gaussian latent is held between these: deviations 5e-5 ... 2e4.
inline constexpr float lowest_log_variance = -20, highest_log_variance = 20;

struct NamedValues {   // for storage: canonical row-major
    std::string name;  // "encoder.0.weight"
    Shape shape;
    xt::xtensor<float, 1> values;
};

// Layers first ... last-1 of a stack; by default all.
struct LayerRange {
    std::size_t first = 0, last = static_cast<std::size_t>(-1);
};

// A run of layers; buffers for one batch are planned once and live in a packet's workspace.
class NARROWS_PUBLIC Stack {
public:
    void add(std::unique_ptr<layers::Layer> layer, LayerSpec spec);
    Shape configure(const Shape& input);  // throws Error naming the layer by number
    bool configured() const { return configured_; }
    const Shape& input() const { return shapes_.front(); }
    const Shape& output() const { return shapes_.back(); }
    const Shape& input_of(std::size_t i) const { return shapes_[i]; }  // i = size(): the output
    std::size_t size() const { return layers_.size(); }
    layers::Layer& layer(std::size_t i) const { return *layers_[i]; }
    const LayerSpec& spec(std::size_t i) const { return specs_[i]; }

    std::size_t workspace_bytes(std::size_t max_rows, bool training) const;  // for any range
    // y of the last layer goes to `y`. When training, what backward and update need is kept in
    // `workspace`. skip_last_activation: y is what stands before it (logits).
    void forward(const layers::Pass& pass, std::byte* workspace, const float* x, float* y,
                 bool skip_last_activation = false, LayerRange range = {}) const;
    // dy is consumed; dx may be null. Leaves a trace for update().
    void backward(const layers::Pass& pass, std::byte* workspace, const float* x, const float* y,
                  float* dy, float* dx, bool skip_last_activation = false, LayerRange range = {});
    // Of a training pass after forward(): the first layer with weights or values that are not
    // finite, as "the weights of PART.2 are not finite"; empty: all are.
    std::string first_not_finite(std::string_view part, const layers::Pass& pass,
                                 const std::byte* workspace, const float* y,
                                 LayerRange range = {}) const;
    void prepare_update();  // on all stacks of a model before the first update
    // A layer's part of an update over all traces, for update_together().
    struct UpdatePart {
        layers::Layer* layer = nullptr;
        std::span<const layers::Trace> traces;
        std::size_t tasks = 0;
    };
    void plan_update(std::vector<UpdatePart>& parts);
    void forget();  // the traces
    // Frozen layers below the first that trains have no gradients and work as in Phase::streaming.
    void find_trained();
    void train_all() { first_trained_ = 0; }  // every layer keeps its traces
    // Training passes and updates share their work with the other ranks; null: this process does
    // all of it. States are whole on every rank after gather_states() only.
    void distribute(const ranks::Ranks* ranks) { ranks_ = ranks; }
    void update_over_ranks(const Loop& loop, const layers::UpdateRule& rule);
    void gather_states();
    std::vector<layers::Parameter*> parameters() const;
    std::vector<std::string> parameter_names(std::string_view prefix) const;
    std::string describe() const;

private:
    struct Layout {
        std::size_t bytes = 0, scratch = 0, buffer = 0;  // the last two: outside training
    };
    Layout layout(std::size_t rows, bool training, LayerRange range = {}) const;
    std::size_t own_bytes(std::size_t layer, std::size_t rows, bool training) const;
    std::size_t values(std::size_t boundary) const;  // of a sample before layer `boundary`
    // Its copies, and their memory, are left out within `range`.
    bool leaves_out(std::size_t i, LayerRange range) const;
    bool gives_relu_gradient(std::size_t i, LayerRange range) const;
    layers::Pass pass_of(const layers::Pass& pass, std::size_t i, bool skip_activation) const;

    // stack_ranks.cpp
    struct Ends {
        bool bottom, top;  // the layer is the first, the last of the pass
    };
    bool apart(std::size_t i) const;
    void gather(const std::vector<ranks::Piece>& pieces) const;
    ranks::Piece rows_of(float* data, std::size_t rows, std::size_t boundary) const;
    static layers::Pass own_pass(const layers::Pass& pass, ranks::Rows rows);
    void forward_over_ranks(const layers::Pass& pass, std::size_t i, bool lowest, const float* x,
                            float* y) const;
    void backward_over_ranks(const layers::Trace& trace, std::size_t i, Ends ends, float* dy,
                             float* dx, std::vector<ranks::Piece>& pieces);

    std::vector<std::unique_ptr<layers::Layer>> layers_;
    std::vector<LayerSpec> specs_;
    std::vector<std::vector<layers::Trace>> traces_;
    std::vector<Shape> shapes_{Shape{}};  // before each layer, and after the last
    bool configured_ = false;
    std::size_t first_trained_ = 0;  // layer
    const ranks::Ranks* ranks_ = nullptr;
};

class NARROWS_PUBLIC Autoencoder final : public Model {
public:
    static void describe(Schema& schema);  // model type "autoencoder"
    void build(const ModelSpec& spec, const Factory& factory, std::uint64_t seed) override;
    std::uint64_t bytes() const override;
    std::string describe() const override;

    // Fixes shapes and initialises weights (unless they came from a file); a second call checks
    // that the shape is the same. Throws Error with both shapes.
    void configure(const Shape& sample);
    bool configured() const { return encoder_.configured(); }
    Stack& encoder() { return encoder_; }
    const Stack& encoder() const { return encoder_; }
    Stack& decoder() { return decoder_; }
    const Stack& decoder() const { return decoder_; }
    const Shape& input_shape() const { return encoder_.input(); }
    // Of one code; the encoder of a Gaussian latent gives twice as many values: means, then
    // log-variances (Kingma and Welling 2014).
    Shape code_shape() const;
    bool gaussian() const { return latent_ == "gaussian"; }
    // p(x | z) that the model was made for: "none", "bernoulli", "gaussian" or "laplace"; the scale
    // of the last two, in scaled units, unless the decoder gives its logarithm behind each sample.
    const std::string& likelihood() const { return likelihood_; }
    double likelihood_scale() const { return scale_; }
    bool learned_scale() const;

    // What the decoder gives: a sample, or of a classifier one logit a class.
    const Shape& output_shape() const;
    // Labels that the decoder tells apart, as they stand in the data; none: it gives samples.
    std::span<const std::int64_t> classes() const { return classes_; }
    const std::vector<std::string>& class_names() const { return class_names_; }
    void choose_trained(std::span<const std::string> train,
                        std::span<const std::string> freeze) override;

    // After the backward passes of a batch. max_norm > 0 clips the global norm (sum over
    // parameters in order, double). Returns the gradient's norm when clipping, else 0.
    double update(const Loop& loop, const layers::UpdateRule& rule, double max_norm = 0);
    void make_states(int count, layers::Precision precision = layers::Precision::fp32);
    // From now on training shares its work with the other ranks, where there are any. The weights
    // are whole on each of them after every update, the optimiser's state after gather_states(),
    // which all ranks call together.
    void distribute(const ranks::Ranks& ranks);
    void gather_states();
    // Throws Error{Fault::run} on every rank where one has other weights than the first.
    void check_ranks() const;

    std::vector<layers::Parameter*> parameters() const;      // encoder then decoder, trained or not
    std::vector<NamedValues> weights(int which = -1) const;  // -1 weights, 0/1 optimiser state
    // Throws on mismatch; parameters whose name does not begin with `part` are left alone.
    void set_weights(std::span<const NamedValues> values, int which = -1,
                     std::string_view part = {});
    // What a node keeps from step to step beside the weights (running means, counts): `size` values
    // of its own by `name`, `initial` at first. Checkpoints hold them, the finished model does not.
    std::span<float> statistic(const std::string& name, std::size_t size, float initial = 0);
    std::vector<NamedValues> statistics() const;
    void set_statistics(std::span<const NamedValues> values);  // throws when one is not there

    std::uint64_t parameter_count() const;          // trained ones
    bool weights_finite(std::string& which) const;  // names the first that is not

    const std::optional<Scaling>& scaling() const { return scaling_; }
    void set_scaling(Scaling scaling);  // of a model that is to be trained: also fits its layers
    const std::string& architecture() const { return architecture_; }  // JSON, see architecture.hpp
    std::string sha256() const;  // over architecture, scaling, weights (little-endian)
    bool from_file() const { return from_file_; }
    // What a run's files say about its codes beside the model's hash: "code_relative_error", ...
    // Nodes note it when they open, sinks store it as attributes.
    const std::vector<std::pair<std::string, double>>& code_notes() const { return code_notes_; }
    void note_codes(std::string_view name, double value);

private:
    void build_stack(Stack& stack, std::span<const LayerSpec> specs, const Position& position);
    void build_mirror();
    void tie();
    void share_centres();
    void initialise();
    void fit_layers();
    void load(const ModelSpec& spec);
    std::vector<std::string> parameter_names() const;

    void take_classes();
    void update_together(const Loop& loop, const layers::UpdateRule& rule);

    std::vector<std::pair<std::string, double>> code_notes_;
    bool tied_ = false, fresh_ = false;
    std::int64_t kept_layers_ = 0;
    std::vector<double> class_labels_;
    std::vector<std::int64_t> classes_;
    std::vector<std::string> class_names_;
    std::string latent_ = "plain";
    std::string likelihood_ = "none";
    double scale_ = 1;
    std::string output_act_ = "linear";

    std::string name_;
    const Factory* factory_ = nullptr;
    Stack encoder_, decoder_;
    bool mirror_ = false;
    std::optional<Scaling> scaling_;
    std::map<std::string, std::vector<float>> statistics_;
    std::string architecture_;
    bool from_file_ = false;
    std::uint64_t seed_ = 0;
    const ranks::Ranks* ranks_ = nullptr;
    struct UpdateSlice {  // tasks of a layer that follow each other in the update's loop
        const Stack::UpdatePart* part;
        std::size_t first, end;  // its first one there; behind the last one here
    };
    std::vector<Stack::UpdatePart> parts_;
    std::vector<UpdateSlice> slices_;
};

}  // namespace narrows::model
