// All that the author of a node needs: values, shapes, ports, parameters and the life of a node.
// Standard library only. One rule: a node says what it reads, what it writes, its parameters and
// how parallel it may be; the engine owns memory, order, threads, gradients' way back and errors.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__GNUC__)
#define NARROWS_PUBLIC __attribute__((visibility("default")))
#else
#define NARROWS_PUBLIC
#endif

namespace narrows {

inline constexpr std::uint32_t abi_major = 1;  // changed: every plugin must be rebuilt
inline constexpr std::uint32_t abi_minor = 0;  // raised: something was appended
inline constexpr std::string_view version = "0.1.0";

// ---------------------------------------------------------------------------------- errors

// Where in a pipeline file something stands; line 0 means "nowhere in a file".
struct Position {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::uint32_t length = 1;  // characters under the caret run
};

// What went wrong decides the exit code: run 1, usage 2, plugin 3, input 4.
enum class Fault : std::uint8_t { run = 1, usage = 2, plugin = 3, input = 4 };

// The user's wrong input, or a failure while running. Text: lower case, names the thing, what was
// found, what was expected, the next step. `hint` is that next step, printed on a line of its own.
class NARROWS_PUBLIC Error : public std::runtime_error {
public:
    Error(Fault fault, const std::string& text, std::string hint = {}, Position position = {});
    ~Error() override;
    Fault fault() const noexcept { return fault_; }
    const std::string& hint() const noexcept { return hint_; }
    const Position& position() const noexcept { return position_; }

private:
    Fault fault_;
    std::string hint_;
    Position position_;
};

// ---------------------------------------------------------------------------------- tensors

enum class Type : std::uint8_t { f32, f64, i64, i32, u8 };
constexpr std::size_t size_of(Type type) {
    return type == Type::f64 || type == Type::i64 ? 8 : type == Type::u8 ? 1 : 4;
}

// Extents, slowest first. A batch has the batch size in front: [batch, row, column].
class Shape {
public:
    static constexpr std::size_t max_rank = 8;
    Shape() = default;
    Shape(std::initializer_list<std::int64_t> extents) {
        for (std::int64_t extent : extents) push_back(extent);
    }
    std::size_t rank() const { return rank_; }
    std::int64_t operator[](std::size_t axis) const { return extent_[axis]; }
    std::int64_t& operator[](std::size_t axis) { return extent_[axis]; }
    const std::int64_t* begin() const { return extent_.data(); }
    const std::int64_t* end() const { return extent_.data() + rank_; }
    void push_back(std::int64_t extent) {
        if (rank_ == max_rank) throw Error(Fault::input, "more than 8 dimensions");
        extent_[rank_++] = extent;
    }
    std::int64_t elements() const {  // 1 for rank 0
        std::int64_t count = 1;
        for (std::int64_t extent : *this) count *= extent;
        return count;
    }
    Shape with_batch(std::int64_t batch) const {
        Shape out{batch};
        for (std::int64_t extent : *this) out.push_back(extent);
        return out;
    }
    Shape sample() const {  // without the first axis
        Shape out;
        for (std::size_t axis = 1; axis < rank_; ++axis) out.push_back(extent_[axis]);
        return out;
    }
    friend bool operator==(const Shape& a, const Shape& b) {
        if (a.rank_ != b.rank_) return false;
        for (std::size_t i = 0; i < a.rank_; ++i)
            if (a.extent_[i] != b.extent_[i]) return false;
        return true;
    }

private:
    std::array<std::int64_t, max_rank> extent_{};
    std::size_t rank_ = 0;
};
NARROWS_PUBLIC std::string to_string(const Shape& shape);  // "[28, 28]"

// A borrowed dense tensor, row-major; the memory belongs to the packet's slot (or the caller).
template <class T>
struct Tensor {
    T* data = nullptr;
    Shape shape;
    std::int64_t rows() const { return shape.rank() ? shape[0] : 1; }
    std::int64_t row_size() const { return rows() ? shape.elements() / rows() : 0; }
    T* row(std::int64_t r) const { return data + r * row_size(); }
    std::span<T> span() const { return {data, static_cast<std::size_t>(shape.elements())}; }
};
template <class T>
constexpr Type type_of() {
    using U = std::remove_const_t<T>;
    if constexpr (std::is_same_v<U, float>)
        return Type::f32;
    else if constexpr (std::is_same_v<U, double>)
        return Type::f64;
    else if constexpr (std::is_same_v<U, std::int64_t>)
        return Type::i64;
    else if constexpr (std::is_same_v<U, std::int32_t>)
        return Type::i32;
    else
        return Type::u8;
}

// A borrowed callable, for the length of one call.
template <class Signature>
class FunctionRef;
template <class R, class... A>
class FunctionRef<R(A...)> {
public:
    template <class F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>)
        FunctionRef(F&& f)  // NOLINT: implicit on purpose
        : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
          call_([](void* object, A... args) -> R {
              return (*static_cast<std::remove_reference_t<F>*>(object))(std::forward<A>(args)...);
          }) {}
    R operator()(A... args) const { return call_(object_, std::forward<A>(args)...); }

private:
    void* object_;
    R (*call_)(void*, A...);
};

// Work inside one step, cut into tasks that may run at once, isolated from other packets. A task's
// number decides what it computes; which thread runs it never matters for the result. The same
// task numbers tend to meet the same threads, call after call, so that data stays in its cache.
class NARROWS_PUBLIC Loop {
public:
    virtual ~Loop();
    virtual std::size_t threads() const noexcept = 0;
    virtual void each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const = 0;
};
// Runs everything on the calling thread.
class NARROWS_PUBLIC SerialLoop final : public Loop {
public:
    std::size_t threads() const noexcept override { return 1; }
    void each(std::size_t tasks, FunctionRef<void(std::size_t)> body) const override {
        for (std::size_t task = 0; task < tasks; ++task) body(task);
    }
};

// ------------------------------------------------------------------------------- parameters

// Anything that has parameters and is made by name: nodes, models, layers.
class NARROWS_PUBLIC Component {
public:
    Component() = default;
    Component(const Component&) = delete;
    Component& operator=(const Component&) = delete;
    virtual ~Component();
};

// texts takes one text or a list of them.
enum class ParameterKind : std::uint8_t { integer, number, flag, text, choice, numbers, texts };

struct Value {
    std::int64_t integer = 0;
    double number = 0;
    bool flag = false;
    std::string text;
    std::vector<double> numbers;
    std::vector<std::string> texts;
};

struct Parameter {
    std::string_view name, doc, unit;
    ParameterKind kind = ParameterKind::text;
    Value fallback;
    bool required = false;
    double low = 0, high = 0;  // integer, number: inclusive range
    std::string_view choices;  // choice: "relu|tanh|linear"
    void (*set)(Component&, const Value&) = nullptr;
};

enum class Threads : std::uint8_t {
    serial,    // process() is one call at a time, any order
    ordered,   // one call at a time, in sequence order
    parallel,  // process() may run many times at once on one object
};
enum class Need : std::uint8_t { required, optional, many };  // many: one or more connections

// What a component type is. Filled once per type by its static `describe(Schema&)`; the same text
// feeds checking, `narrows nodes` and the node manual.
//
// Port types: "f32[batch, ...]", "f32[batch]", "i64[batch]", "f32 like x", "scalar" (one double a
// packet), "event" (order only). An input fits an output with the same first word.
class NARROWS_PUBLIC Schema {
public:
    virtual Schema& summary(std::string_view text) = 0;
    virtual Schema& threads(Threads threads) = 0;
    // A source gives the stream its samples: it has no inputs and calls OpenContext::stream.
    virtual Schema& source() = 0;
    // The node has the reserved key `model = "NAME"`, and Context::model() is that model. Optional
    // and left out: the pipeline's model when it has just one, else none.
    virtual Schema& binds_model(Need need = Need::required) = 0;
    // The node changes its model. Before its process() runs, the engine carries the gradient of
    // its scalar inputs (seed 1) back through everything that they were computed from.
    virtual Schema& updates_model() = 0;
    virtual Schema& in(std::string_view port, std::string_view type, std::string_view doc,
                       Need need = Need::required) = 0;
    virtual Schema& out(std::string_view port, std::string_view type, std::string_view doc) = 0;
    virtual Schema& parameter(const Parameter& parameter) = 0;
    // Layers: the parameter that carries the type's own key, `{ dense = 256 }` sets `units`.
    virtual Schema& main(std::string_view parameter) = 0;

    // The helpers bind a member: number<&Gaussian::sigma_>("sigma", 0.1, 0, 10, "...", "...").
    template <auto Member>
    Schema& number(std::string_view name, double fallback, double low, double high,
                   std::string_view doc, std::string_view unit = {}) {
        Parameter p{name, doc, unit, ParameterKind::number, {}, false, low, high, {}, {}};
        p.fallback.number = fallback;
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.number); };
        return parameter(p);
    }
    template <auto Member>
    Schema& integer(std::string_view name, std::int64_t fallback, double low, double high,
                    std::string_view doc, std::string_view unit = {}) {
        Parameter p{name, doc, unit, ParameterKind::integer, {}, false, low, high, {}, {}};
        p.fallback.integer = fallback;
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.integer); };
        return parameter(p);
    }
    template <auto Member>
    Schema& flag(std::string_view name, bool fallback, std::string_view doc) {
        Parameter p{name, doc, {}, ParameterKind::flag, {}, false, 0, 0, {}, {}};
        p.fallback.flag = fallback;
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.flag); };
        return parameter(p);
    }
    template <auto Member>
    Schema& text(std::string_view name, std::string_view fallback, std::string_view doc,
                 Need need = Need::optional) {
        Parameter p{name, doc, {}, ParameterKind::text, {}, need == Need::required, 0, 0, {}, {}};
        p.fallback.text = fallback;
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.text); };
        return parameter(p);
    }
    template <auto Member>
    Schema& choice(std::string_view name, std::string_view fallback, std::string_view choices,
                   std::string_view doc) {
        Parameter p{name, doc, {}, ParameterKind::choice, {}, false, 0, 0, choices, {}};
        p.fallback.text = fallback;
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.text); };
        return parameter(p);
    }
    template <auto Member>  // std::vector<double>
    Schema& numbers(std::string_view name, std::string_view doc, std::string_view unit = {}) {
        Parameter p{name, doc, unit, ParameterKind::numbers, {}, false, 0, 0, {}, {}};
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.numbers); };
        return parameter(p);
    }

    template <auto Member>  // std::vector<std::string>
    Schema& texts(std::string_view name, std::string_view doc, Need need = Need::optional) {
        Parameter p{name, doc, {}, ParameterKind::texts, {}, need == Need::required, 0, 0, {}, {}};
        p.set = [](Component& c, const Value& v) { assign<Member>(c, v.texts); };
        return parameter(p);
    }

protected:
    virtual ~Schema();

private:
    template <auto M, class V>
    static void assign(Component& component, const V& value) {
        store(component, M, value);
    }
    template <class C, class T, class V>
    static void store(Component& component, T C::*member, const V& value) {
        static_cast<C&>(component).*member = static_cast<T>(value);
    }
};

// A parameter that somebody wrote down, with the place where it stands.
struct Setting {
    std::string name;
    Value value;
    Position position;
    ParameterKind kind = ParameterKind::text;  // of the parameter, where it was read from a file
};

enum class Kind : std::uint8_t { node, model, layer };

// Makes components by type name with checked parameters; throws Error with a suggestion.
class NARROWS_PUBLIC Factory {
public:
    virtual ~Factory();
    virtual std::unique_ptr<Component> create(Kind kind, std::string_view type,
                                              std::span<const Setting> settings) const = 0;
    // All parameters of a type in their declared order, those not given with their defaults: what
    // a file stores, so that a later default changes no old file.
    struct Complete {
        std::string name;
        ParameterKind kind;
        Value value;
    };
    virtual std::vector<Complete> complete(Kind kind, std::string_view type,
                                           std::span<const Setting> settings) const = 0;
};

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
    // "NAME[3]" is value 3 of a vector; ".NAME" is not reported, only RunContext::epoch_mean has it.
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
    // Of a source that has opened: what output `port` gives for rows of the stream; false: it cannot.
    virtual bool peek(std::string_view /*port*/, std::span<const std::int64_t> /*rows*/,
                      void* /*values*/) {
        return false;
    }
    ~Node() override;
};

}  // namespace narrows
