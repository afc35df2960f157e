// All that the author of a node needs, with values.hpp and component.hpp, which it brings: models
// and the life of a node. Standard library only. One rule: a node says what it reads, what it
// writes, its parameters and how parallel it may be; the engine owns memory, order, threads,
// gradients' way back and errors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/component.hpp"

namespace narrows {

inline constexpr std::uint32_t abi_major = 1;  // changed: every plugin must be rebuilt
inline constexpr std::uint32_t abi_minor = 1;  // raised: something was appended
inline constexpr std::string_view version = "0.1.0";

// ------------------------------------------------------------------------------------ models

// One layer of a [model.NAME] table: `{ dense = 256, act = "relu" }`, settings already checked.
struct LayerSpec {
    std::string type;
    std::vector<Setting> settings;  // the main parameter under its own name
    Position position;
};

// A [model.NAME] table as written. Either `file` (a trained model) or layers.
struct ModelSpec {
    std::string name;
    std::string type = "autoencoder";
    std::string file;
    std::optional<Shape> input;  // per sample; else taken from the data
    std::vector<LayerSpec> encoder, decoder;
    bool mirror = false;            // decoder = "mirror"
    std::vector<Setting> settings;  // other keys, checked against the model type's parameters
    Position position, encoder_position, decoder_position;
};

// Parameters belong to models; the engine sees them only as this.
class NARROWS_PUBLIC Model : public Component {
public:
    // Builds the layers, or reads `spec.file`. Shapes may stay open until a node binds it.
    virtual void build(const ModelSpec& spec, const Factory& factory, std::uint64_t seed) = 0;
    virtual std::uint64_t bytes() const = 0;   // weights, optimiser state, packed copies
    virtual std::string describe() const = 0;  // "784 -> 256 relu -> 32 | ..." for drawings
    // What the coming steps train: these parts ("encoder.1", "decoder"; none: all) without those.
    // Called when shapes are known, before each stage. Throws Error{Fault::usage}: no such part.
    virtual void choose_trained(std::span<const std::string> train,
                                std::span<const std::string> freeze);
};

// ------------------------------------------------------------------------------------- nodes

enum class Mode : std::uint8_t { stream, train };
enum class Phase : std::uint8_t { training, validation, streaming };

// Key of a node's randomness: with epoch, sample and element it gives every random number.
struct RandomKey {
    std::uint64_t seed = 0;
    std::uint32_t node = 0;  // a hash of the node's id: wiring and order do not matter
};

// How far a training run is; what a checkpoint must hold beside the models.
struct Progress {
    std::uint64_t step = 0;   // updates done
    std::uint32_t epoch = 0;  // epochs finished
    std::uint64_t samples_seen = 0;
    double best_loss = std::numeric_limits<double>::infinity();
    std::uint32_t best_epoch = 0;              // finished epochs when best_loss was seen; 0: never
    std::vector<std::string> history_names;    // "loss", "validation_loss", ...
    std::vector<std::vector<double>> history;  // a row an epoch, columns as named
    bool complete = false;                     // the run reached its end
    // [[stage]]: steps, epochs and the best are those of this stage; history is of all.
    std::uint32_t stage = 0;
    std::uint64_t steps_before = 0;  // updates of the stages before
    // Of the epoch that is going on: what its means will be made of.
    struct Partial {
        std::string name;
        double sum = 0, weight = 0;
    };
    std::vector<Partial> partial;
};

// At open(): input shapes are known; set output shapes or refuse. Nodes open in wiring order.
// open() may read files but never writes one: `narrows check` opens everything and stops there.
class NARROWS_PUBLIC OpenContext {
public:
    virtual ~OpenContext();
    virtual Mode mode() const = 0;
    virtual std::string_view id() const = 0;  // the node's id in the pipeline
    virtual RandomKey key() const = 0;
    virtual bool connected(std::string_view port) const = 0;
    virtual Shape shape(std::string_view port) const = 0;  // of an input, batch in front
    virtual void set_shape(std::string_view port, const Shape& shape, Type type = Type::f32) = 0;
    // A source: samples of one epoch, the largest batch, and rows held out for validation.
    virtual void stream(std::int64_t samples, std::int64_t batch, std::int64_t validation = 0) = 0;
    virtual std::int64_t batch() const = 0;  // after the sources opened
    virtual std::int64_t samples() const = 0;
    virtual std::uint64_t total_steps() const = 0;  // train: epochs x steps an epoch
    virtual std::uint32_t epochs() const = 0;
    // If the output that feeds input `port` has a sibling output `sibling` that is enabled, read
    // that instead (a loss reads logits and skips the sigmoid). True if the input was moved.
    virtual bool prefer(std::string_view port, std::string_view sibling) = 0;
    // Samples of the stream before it runs: what input `port` will bring for these rows (places in
    // the order of the input), where it comes right from a source that can tell. Else false.
    virtual bool peek(std::string_view port, std::span<const std::int64_t> rows, void* values) = 0;
    virtual void disable(std::string_view port) = 0;  // this output does not exist here
    // Memory that the node needs with each packet, from process() to backward() and update.
    virtual std::size_t reserve(std::size_t bytes) = 0;  // returns the handle for workspace()
    virtual void hold(std::uint64_t bytes) = 0;  // memory that the node will take in the run
    virtual Model* model() const = 0;            // bound by `model = "NAME"`, or null
    // The one model that is bound by this node or by nodes that read from it; null: none or many.
    virtual Model* downstream_model() const = 0;
    virtual std::string_view pipeline_text() const = 0;  // resolved, canonical: what a file stores
    virtual void warn(const std::string& text) = 0;
    [[noreturn]] void fail(const std::string& text, std::string hint = {}) const {
        throw Error(Fault::usage, text, std::move(hint));
    }
};

// One packet, inside process() or backward().
class NARROWS_PUBLIC Context {
public:
    virtual ~Context();
    struct Place {
        std::uint64_t sequence = 0;  // gap-free through the run
        std::int64_t first = 0;      // first sample of the packet in its epoch's order
        std::int64_t count = 0;      // samples in this packet
        std::uint32_t epoch = 0;
        std::uint64_t step = 0;  // updates before this packet (training)
        Phase phase = Phase::streaming;
    };
    virtual const Place& place() const = 0;
    virtual std::string_view id() const = 0;
    virtual RandomKey key() const = 0;
    // Row numbers of the samples in their source: the sample part of randomness, and `ids`.
    // A source fills them (count entries); everyone else reads.
    virtual std::span<std::int64_t> sample_ids() = 0;

    template <class T = float>
    Tensor<const T> in(std::string_view port) {
        Shape shape;
        const void* data = input(port, type_of<T>(), shape);
        return {static_cast<const T*>(data), shape};
    }
    template <class T = float>
    Tensor<T> out(std::string_view port) {
        Shape shape;
        void* data = output(port, type_of<T>(), shape);
        return {static_cast<T*>(data), shape};
    }
    // Does anyone read this output (or its gradient)? If not, its data is null: do not compute it.
    virtual bool wanted(std::string_view port) const = 0;
    virtual bool connected(std::string_view port) const = 0;
    virtual double scalar(std::string_view port) = 0;  // sum over `many` connections
    virtual void set_scalar(std::string_view port, double value) = 0;

    // backward(): the gradient that came to an output, and the one that an input asks for.
    virtual Tensor<const float> gradient_of(std::string_view output) = 0;  // null: none came
    virtual double scalar_gradient(std::string_view output) = 0;
    virtual Tensor<float> gradient_for(std::string_view input) = 0;  // null: not needed
    // May be used as scratch: the buffer behind gradient_of is this node's from here on.
    virtual Tensor<float> take_gradient_of(std::string_view output) = 0;

    virtual std::span<std::byte> workspace(std::size_t handle) = 0;
    virtual Model* model() const = 0;
    virtual const Loop& loop() const = 0;
    // Training, behind an update: how far the run is with this packet's update.
    virtual const Progress& progress() const = 0;
    // Summed over packets in sequence order; the run's result is sum / weight, by epoch and phase.
    // "NAME[3]" is value 3 of a vector; ".NAME" is not reported, only RunContext::epoch_mean has
    // it.
    virtual void metric(std::string_view name, double sum, double weight) = 0;
    virtual void drop() = 0;  // nothing downstream sees this packet
    virtual bool stopping() const = 0;
    [[noreturn]] void fail(const std::string& text, std::string hint = {}) const {
        throw Error(Fault::run, text, std::move(hint));
    }

private:
    virtual const void* input(std::string_view port, Type type, Shape& shape) = 0;
    virtual void* output(std::string_view port, Type type, Shape& shape) = 0;
};

// start(), epoch_end(), finish(): serial, no packet in flight.
class NARROWS_PUBLIC RunContext {
public:
    virtual ~RunContext();
    virtual Mode mode() const = 0;
    virtual std::string_view id() const = 0;
    virtual RandomKey key() const = 0;
    virtual Model* model() const = 0;
    virtual const Loop& loop() const = 0;
    virtual std::int64_t samples() const = 0;  // of the stream (an epoch)
    virtual Shape shape(std::string_view port) const = 0;
    virtual Progress& progress() = 0;   // read it; only restore() changes it
    virtual bool is_best() const = 0;   // epoch_end: this epoch is the best so far
    virtual bool resuming() const = 0;  // --resume was given
    virtual bool no_clobber() const = 0;
    virtual bool last_stage() const = 0;                 // finish(): no [[stage]] follows
    virtual std::string_view pipeline_text() const = 0;  // resolved pipeline, as files store it
    // A result for the run's report (train: "model_sha256"); numbers and texts. A number in
    // epoch_end() is of that epoch, and a column of the history.
    virtual void result(std::string_view name, double value) = 0;
    virtual void result(std::string_view name, std::string_view text) = 0;
    virtual void result(std::string_view name, std::span<const double> values) = 0;
    virtual void warn(const std::string& text) = 0;
    // epoch_end(): sum / weight of a metric over the epoch that has ended; NaN: there was none.
    virtual double epoch_mean(std::string_view metric, Phase phase) const = 0;
    // Ctrl-C or SIGTERM: what takes long in finish() ends with an Error, and the run as stopped.
    virtual bool stopping() const = 0;
};

// Life: construction, parameters, open, [restore], start, process (and backward) many times,
// epoch_end after each epoch of training, then finish, or abandon when the run failed.
class NARROWS_PUBLIC Node : public Component {
public:
    virtual void open(OpenContext&) {}
    // --resume: bring back what an earlier run left; true if it changed `progress`.
    virtual bool restore(RunContext&) { return false; }
    virtual void start(RunContext&) {}  // outputs are created here
    virtual void process(Context&) = 0;
    virtual void backward(Context&) {}  // gradients; runs after everything downstream
    virtual void epoch_end(RunContext&) {}
    virtual void finish(RunContext&) {}  // upstream has ended: publish
    virtual void stopped(RunContext& run) {
        abandon(run);
    }                                              // Ctrl-C or SIGTERM: leave it resumable
    virtual void abandon(RunContext&) noexcept {}  // the run failed: clean up
    // Of a source that has opened: what output `port` gives for rows of the stream; false: it
    // cannot.
    virtual bool peek(std::string_view /*port*/, std::span<const std::int64_t> /*rows*/,
                      void* /*values*/) {
        return false;
    }
    ~Node() override;
};

// Of a node that computes in several steps: where its values stop being finite, for example "the
// weights of encoder.2 are not finite"; empty: nowhere. Asked after process() of a training packet
// whose loss is not finite. An interface of its own: plugins built before it go on working.
class NARROWS_PUBLIC FindsNotFinite {
public:
    virtual std::string first_not_finite(Context& context) = 0;
    virtual ~FindsNotFinite();
};

}  // namespace narrows
