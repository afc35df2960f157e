// The one public header for the author of a layer. A layer is a function of a batch with
// parameters; forward and backward stand side by side. One rule: forward and backward never
// allocate; everything that must live until the update lies in the pass's workspace.
//
// How a training step meets a layer: forward(x -> y); backward(dy -> dz in place, dx); then, after
// all of the model's backward passes, update(): the gradient of each tile of a parameter is
// computed over the whole batch, rows in increasing order, and handed to the optimiser's rule at
// once, so that no gradient array exists unless a rule wants one (clipping).
#pragma once

#include <xtensor/xtensor.hpp>

#include "pipeline/node.hpp"
#include "pipeline/ranks/ranks.hpp"
#include "pipeline/simd/kernels.hpp"

namespace narrows::layers {

class Parameter;

// How an optimiser's state is stored between steps; it is computed in fp32.
enum class Precision : std::uint8_t { fp32, bf16 };

// One optimiser step over consecutive values of a parameter.
struct UpdateBlock {
    float* weight = nullptr;
    const float* gradient = nullptr;
    float* state[2] = {nullptr, nullptr};  // as Parameter::state(), laid out as the weight
    std::size_t count = 0;
    bool decays = false;     // weight decay applies (matrices, not biases)
    std::size_t offset = 0;  // of `weight` in the parameter's storage
    const Parameter* parameter = nullptr;
};
class NARROWS_PUBLIC UpdateRule {
public:
    virtual ~UpdateRule();
    virtual int states() const = 0;  // arrays beside the weights: adam 2, momentum 1, sgd 0
    virtual void apply(const UpdateBlock& block) const = 0;  // called from many threads at once
    // What apply() does, if it is just this step: a layer may then take it together with the
    // gradient.
    virtual std::optional<simd::AdamStep> adam(const Parameter&) const { return std::nullopt; }
};

// Zeroed floats at a 64-byte boundary. `stagger` moves the start by so many cache lines, so that a
// weight and its moments, walked together, do not lie a multiple of 4 KiB apart.
class NARROWS_PUBLIC Floats {
public:
    Floats() = default;
    explicit Floats(std::size_t size, std::size_t stagger = 0);
    float* data() { return data_; }
    const float* data() const { return data_; }
    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }

private:
    struct Free {
        void operator()(float* memory) const;
    };
    std::unique_ptr<float, Free> memory_;
    float* data_ = nullptr;
    std::size_t size_ = 0;
};

// A parameter: its storage is the layer's business (matrices in panels, on request with a packed
// transpose); outside it is seen as a canonical row-major array. Values are 0 until set_values().
// Beside narrows::Parameter (component.hpp) say layers::Parameter.
class NARROWS_PUBLIC Parameter {
public:
    // matrix [inputs, outputs] in panels, or a plain vector/array of `shape`
    Parameter(std::string name, Shape shape, bool matrix, bool decays);
    const std::string& name() const { return name_; }
    const Shape& shape() const { return shape_; }  // canonical
    std::size_t count() const { return static_cast<std::size_t>(shape_.elements()); }
    bool matrix() const { return matrix_; }
    bool decays() const { return decays_; }
    bool frozen = false;      // [[stage]] freeze: no update
    bool trained = true;      // false: statistics (batch norm's running mean)
    std::uint32_t place = 0;  // among the parameters of its model

    float* data() { return data_.data(); }  // panels, or the plain array
    const float* data() const { return data_.data(); }
    std::size_t stored() const { return data_.size(); }
    // From now on set_values() packs the transpose, and who changes the panels changes it too. Of a
    // matrix of `blocks` equal blocks of rows: their transposes one below the other, [blocks *
    // columns, rows / blocks].
    void keep_transposed(std::size_t blocks = 1);
    std::size_t transposed_blocks() const { return blocks_; }
    std::size_t transposed_stored() const { return transposed_.size(); }
    const float* transposed() const { return transposed_.data(); }  // its panels; null: not kept
    float* transposed() { return transposed_.data(); }
    // Zeroed. In bf16 both states of a weight are one float's bits (simd/bf16.hpp), in the first
    // array.
    void make_states(int count, Precision precision = Precision::fp32);
    Precision precision() const { return precision_; }
    bool has_state(int which) const { return which < states_; }
    float* state(int which) { return state_[which].empty() ? nullptr : state_[which].data(); }

    // Canonical row-major values, for files, tests and people; which: -1 weight, 0 and 1 states.
    xt::xtensor<float, 1> values(int which = -1) const;
    void set_values(std::span<const float> values, int which = -1);  // repacks
    // The same of anything laid out as data() is, a gradient: stored() values in, count() out.
    std::vector<float> canonical(std::span<const float> laid_out) const;

private:
    void write_canonical(const float* laid_out, float* out) const;
    void pack_transposed(std::span<const float> values);

    std::string name_;
    Shape shape_;
    bool matrix_, decays_;
    int states_ = 0;
    std::size_t blocks_ = 1;
    Precision precision_ = Precision::fp32;
    Floats data_, transposed_, state_[2];
};

// One step of all of a parameter at once: `gradient` lies as its storage does (Parameter::stored()
// floats). For vectors and other small parameters; a frozen one is left as it is.
NARROWS_PUBLIC void update_whole(Parameter& parameter, const float* gradient,
                                 const UpdateRule& rule);

// What a layer works with during one batch.
struct Pass {
    const Loop* loop = nullptr;
    Phase phase = Phase::streaming;
    RandomKey key;  // of the node; layers add their index
    std::uint32_t epoch = 0;
    std::span<const std::int64_t> sample_ids;
    std::size_t rows = 0;
    bool frozen =
        false;  // training goes on, but not here: works as in streaming, backward may follow
    bool keeps() const { return phase == Phase::training || frozen; }  // what backward() needs
    bool skip_activation = false;  // y is what stands before the activation; dy is its gradient
    // backward(), for layers that say so in passes_relu(): x is what a relu gave, and dx the
    // gradient of that relu's input; dy is the gradient of what stands before the activation.
    bool relu_below = false, relu_passed = false;
    std::byte* workspace = nullptr;  // this layer's part, as large as workspace_bytes() said
};

// A batch that went through a layer, kept until the update: x [rows, in], dz [rows, out].
struct Trace {
    Pass pass;
    const float* x = nullptr;
    const float* y = nullptr;
    const float* dz = nullptr;  // what backward() left in dy
};

class NARROWS_PUBLIC Layer : public Component {
public:
    ~Layer() override;
    // Per-sample shapes; throws Error when the input does not fit. Called once, before all else.
    virtual Shape configure(const Shape& input) = 0;
    virtual std::vector<Parameter*> parameters() { return {}; }
    virtual void initialise(RandomKey) {}  // randomness by (key, layer index in key.node)
    // Once, before the first step: mean and deviation of the data's features, as a model sees them.
    virtual void fit(std::span<const float> /*mean*/, std::span<const float> /*deviation*/) {}
    virtual std::size_t workspace_bytes(std::size_t /*max_rows*/, bool /*training*/) const {
        return 0;
    }
    // y is x in another shape: a model may leave both copies out and this layer's calls with them.
    virtual bool only_shape() const { return false; }
    // backward() takes notice of Pass::relu_below and Pass::relu_passed.
    virtual bool passes_relu() const { return false; }
    // y = f(x); x [rows, in], y [rows, out], both dense. In Phase::streaming and validation
    // dropout is off and batch norm uses its running statistics.
    virtual void forward(const Pass&, const float* x, float* y) = 0;
    // dy becomes dz in place (what update() needs); dx, if not null, is overwritten.
    virtual void backward(const Pass&, const float* x, const float* y, float* dy, float* dx) = 0;
    // The traces of the step, given to every layer of a model before the first update(): a layer
    // that owns a shared weight reads its partner's.
    virtual void prepare_update(std::span<const Trace>) {}
    // Gradient of each parameter over all traces, in order, handed to the rule tile by tile.
    virtual void update(const Loop&, std::span<const Trace>, const UpdateRule&) {}
    // What of that stands before update() in tasks that wait for no other one, of any layer:
    // plan_update() collects what they read and says how many, update_task() does one, from any
    // thread. A model puts the tasks of all its layers into one loop.
    virtual std::size_t plan_update(std::span<const Trace>) { return 0; }
    virtual void update_task(std::size_t /*task*/, std::span<const Trace>, const UpdateRule&) {}
    // The tasks of this layer, then update().
    void update_layer(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule);
    // Outside training the layer is y = x * factor + offset, value by value: fills both, [values of
    // a sample]. False: it is something else.
    virtual bool affine(std::span<float> /*factor*/, std::span<float> /*offset*/) const {
        return false;
    }
    // The activation that ends the layer, which Pass::skip_activation leaves out.
    virtual std::optional<simd::Activation> activation() const { return std::nullopt; }
    // How an encoder's layer is mirrored: the decoder's layer; with an empty type: left out of the
    // decoder; nothing: this type cannot be mirrored.
    // Its "act", where it has one, is replaced by that of the layer before.
    virtual std::optional<LayerSpec> mirror(const Shape& /*input*/) const { return std::nullopt; }
    // Computes with the weight of `other`, the encoder's layer that this one mirrors, and gives it
    // the gradient of both; false: this type cannot. Throws Error when the shapes do not fit. Call
    // after configure() of both.
    virtual bool tie(Layer& /*other*/) { return false; }
    // Gives these units (outputs of the layer) first weights anew, a bias of 0 and no moments; the
    // key as for initialise(). False: this type has no weights by unit. No units: only answers.
    virtual bool restart(std::span<const std::size_t> /*units*/, RandomKey) { return false; }
    virtual std::string describe() const = 0;  // "dense 256 relu"

    // Over several ranks (pipeline/ranks/README.md). True: a sample's output and gradients depend
    // on that sample alone, so that each rank computes its own rows.
    virtual bool samples_apart() const { return false; }
    // update() or prepare_update() reads x and dz of the traces.
    virtual bool reads_traces() const { return true; }
    // After a backward pass over the rows of one rank: x and dz of all rows are there now; what
    // update() reads of the workspace must be too.
    virtual void complete(const Trace&) {}
    // update() of this rank's part of the weights: adds where each rank's parts lie to `pieces`.
    // False: did nothing, every rank does all of it.
    virtual bool update_part(const Loop&, std::span<const Trace>, const UpdateRule&,
                             const ranks::Ranks&, std::vector<ranks::Piece>& /*pieces*/) {
        return false;
    }
    // The other ranks' parts of the weights have arrived.
    virtual void parts_arrived(const Loop&) {}
    // Where the ranks' parts of the optimiser's state lie.
    virtual void add_states(const ranks::Ranks&, std::vector<ranks::Piece>& /*pieces*/) {}
};

}  // namespace narrows::layers
