// Small nodes for tests of the engine: they count, wait, drop and fail where they are told to.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "pipeline/flow/run.hpp"
#include "pipeline/language/language.hpp"
#include "pipeline/plugin.hpp"
#include "pipeline/registry/registry.hpp"

namespace flow_test {

using namespace narrows;

// What the nodes saw; cleared before each run.
struct Seen {
    std::vector<std::int64_t> order;  // first samples, as the ordered sink met them
    std::vector<double> sums;
    std::atomic<int> alive{0}, most_alive{0};  // packets between source and sink
    std::atomic<int> finished{0}, abandoned{0}, stopped{0};
    std::atomic<int>* stop = nullptr;  // that a node sets when it finishes
    std::vector<double> gradients;     // that came to the model, a step each
    std::vector<Phase> phases;
    std::vector<std::uint32_t> epochs;
};
inline Seen& seen() {
    static Seen instance;
    return instance;
}
inline void forget() {
    Seen& s = seen();
    s.order.clear();
    s.sums.clear();
    s.gradients.clear();
    s.phases.clear();
    s.epochs.clear();
    s.alive = s.most_alive = s.finished = s.abandoned = s.stopped = 0;
}

// Sample i is the value i.
class Counter final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("numbers")
            .source()
            .threads(Threads::parallel)
            .out("x", "f32[batch, ...]", "numbers")
            .integer<&Counter::samples_>("samples", 100, 1, 1 << 30, "how many")
            .integer<&Counter::batch_>("batch", 8, 1, 1 << 20, "a packet")
            .integer<&Counter::validation_>("validation", 0, 0, 1 << 20, "held out")
            .integer<&Counter::fail_at_>("fail_at", -1, -1, 1 << 30, "packet");
    }
    void open(OpenContext& context) override {
        context.stream(samples_, batch_, validation_);
        context.set_shape("x", Shape{context.batch(), 1});
    }
    void process(Context& context) override {
        const int now = ++seen().alive;
        for (int most = seen().most_alive;
             now > most && !seen().most_alive.compare_exchange_weak(most, now);) {
        }
        if (static_cast<std::int64_t>(context.place().sequence) == fail_at_)
            context.fail("the counter broke");
        const auto x = context.out("x");
        for (std::int64_t i = 0; i < context.place().count; ++i) {
            context.sample_ids()[static_cast<std::size_t>(i)] = context.place().first + i;
            if (x.data) x.data[i] = static_cast<float>(context.place().first + i);
        }
    }
    std::int64_t samples_ = 0, batch_ = 0, validation_ = 0, fail_at_ = 0;
};

// Passes on, after a time that differs from packet to packet.
class Uneven final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("waits")
            .threads(Threads::parallel)
            .in("x", "f32[batch, ...]", "in")
            .out("x", "f32 like x", "out")
            .integer<&Uneven::drop_>("drop", 0, 0, 1000, "every so many packets")
            .integer<&Uneven::fail_at_>("fail_at", -1, -1, 1 << 30, "packet")
            .integer<&Uneven::fail_too_>("fail_too", -1, -1, 1 << 30, "packet");
    }
    void open(OpenContext& context) override { context.set_shape("x", context.shape("x")); }
    void process(Context& context) override {
        const auto number = static_cast<std::int64_t>(context.place().sequence);
        std::this_thread::sleep_for(std::chrono::microseconds(number * 7919 % 5 * 150));
        if (number == fail_at_ || number == fail_too_)
            context.fail("packet " + std::to_string(number) + " is bad");
        if (drop_ > 0 && number % drop_ == drop_ - 1) return context.drop();
        const auto in = context.in("x");
        const auto out = context.out("x");
        for (std::int64_t i = 0; i < context.place().count; ++i) out.data[i] = in.data[i];
    }
    std::int64_t drop_ = 0, fail_at_ = 0, fail_too_ = 0;
};

class Add final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("adds")
            .threads(Threads::parallel)
            .in("a", "f32[batch, ...]", "one")
            .in("b", "f32[batch, ...]", "other")
            .out("x", "f32[batch, ...]", "sum");
    }
    void open(OpenContext& context) override { context.set_shape("x", context.shape("a")); }
    void process(Context& context) override {
        const auto a = context.in("a"), b = context.in("b");
        const auto x = context.out("x");
        for (std::int64_t i = 0; i < context.place().count; ++i) x.data[i] = a.data[i] + b.data[i];
    }
    void backward(Context& context) override {
        const auto gradient = context.gradient_of("x");
        for (const char* port : {"a", "b"})
            if (const auto to = context.gradient_for(port); to.data)
                for (std::int64_t i = 0; i < context.place().count; ++i)
                    to.data[i] = gradient.data[i];
    }
};

class Sink final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("remembers").threads(Threads::ordered).in("x", "f32[batch, ...]", "in");
    }
    void process(Context& context) override {
        const auto x = context.in("x");
        double sum = 0;
        for (std::int64_t i = 0; i < context.place().count; ++i) sum += x.data[i];
        seen().order.push_back(context.place().first);
        seen().sums.push_back(sum);
        context.metric("mean", sum, static_cast<double>(context.place().count));
        --seen().alive;
    }
    void finish(RunContext&) override { ++seen().finished; }
    void stopped(RunContext&) override { ++seen().stopped; }
    void abandon(RunContext&) noexcept override { ++seen().abandoned; }
};

// A sink that hears of a stop while it finishes.
class Late final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("is stopped").threads(Threads::ordered).in("x", "f32[batch, ...]", "in");
    }
    void process(Context&) override {}
    void finish(RunContext& run) override {
        if (seen().stop != nullptr) *seen().stop = 15;
        if (run.stopping()) throw Error(Fault::run, "stopped before the file was whole");
    }
    void stopped(RunContext&) override { ++seen().stopped; }
    void abandon(RunContext&) noexcept override { ++seen().abandoned; }
};

// One weight w; a node multiplies by it, another steps it.
class Weight final : public Model {
public:
    static void describe(Schema& schema) { schema.summary("one number"); }
    void build(const ModelSpec&, const Factory&, std::uint64_t) override {}
    std::uint64_t bytes() const override { return 8; }
    std::string describe() const override { return "w"; }
    double w = 0.5, gradient = 0;
};
class Scale final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("w x")
            .threads(Threads::parallel)
            .binds_model()
            .in("x", "f32[batch, ...]", "in")
            .out("x", "f32 like x", "w x");
    }
    void open(OpenContext& context) override { context.set_shape("x", context.shape("x")); }
    void process(Context& context) override {
        const auto w = static_cast<float>(static_cast<Weight*>(context.model())->w);
        const auto in = context.in("x");
        const auto out = context.out("x");
        for (std::int64_t i = 0; i < context.place().count; ++i) out.data[i] = w * in.data[i];
    }
    void backward(Context& context) override {
        const auto gradient = context.gradient_of("x");
        if (!gradient.data) return;
        const auto in = context.in("x");
        auto* model = static_cast<Weight*>(context.model());
        for (std::int64_t i = 0; i < context.place().count; ++i)
            model->gradient += gradient.data[i] * in.data[i];
        if (const auto to = context.gradient_for("x"); to.data)
            for (std::int64_t i = 0; i < context.place().count; ++i)
                to.data[i] = gradient.data[i] * static_cast<float>(model->w);
    }
};
// Mean of half the squared distance to twice the sample's number.
class Distance final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("loss")
            .threads(Threads::parallel)
            .in("prediction", "f32[batch, ...]", "made")
            .in("target", "f32[batch, ...]", "wanted")
            .out("value", "scalar", "mean")
            .number<&Distance::wanted_>("wanted", 2, -1e300, 1e300, "times the target");
    }
    void process(Context& context) override {
        const auto p = context.in("prediction"), t = context.in("target");
        const auto n = static_cast<double>(context.place().count);
        const auto gradient = context.gradient_for("prediction");
        double sum = 0;
        for (std::int64_t i = 0; i < context.place().count; ++i) {
            const double d = (p.data[i] - wanted_ * t.data[i]) / 100;
            sum += d * d / 2;
            if (gradient.data) gradient.data[i] = static_cast<float>(d / 100 / n);
        }
        context.set_scalar("value", sum / n);
        seen().phases.push_back(context.place().phase);
        seen().epochs.push_back(context.place().epoch);
        --seen().alive;
    }
    double wanted_ = 0;
};
class StepWeight final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("w -= rate g")
            .binds_model()
            .updates_model()
            .in("loss", "scalar", "small", Need::many)
            .out("done", "event", "stepped")
            .number<&StepWeight::rate_>("rate", 1, 0, 100, "rate");
    }
    void process(Context& context) override {
        auto* model = static_cast<Weight*>(context.model());
        seen().gradients.push_back(model->gradient);
        model->w -= rate_ * model->gradient;
        model->gradient = 0;
    }
    void finish(RunContext& run) override { run.result("w", static_cast<Weight*>(run.model())->w); }
    double rate_ = 0;
};

inline registry::Registry& types() {
    static registry::Registry* registry = [] {
        static constexpr Entry entries[] = {
            NARROWS_NODE(Counter, "counter"),   NARROWS_NODE(Uneven, "uneven"),
            NARROWS_NODE(Add, "add"),           NARROWS_NODE(Sink, "sink"),
            NARROWS_NODE(Late, "late"),         NARROWS_NODE(Scale, "scale"),
            NARROWS_NODE(Distance, "distance"), NARROWS_NODE(StepWeight, "step"),
            NARROWS_MODEL(Weight, "weight")};
        static constexpr PluginInfo info{"flow_test", "1", "nodes for tests", entries,
                                         std::size(entries)};
        auto* made = new registry::Registry;
        made->add(info);
        return made;
    }();
    return *registry;
}

inline flow::Result run(std::string_view text, std::size_t threads, flow::Settings settings = {}) {
    forget();
    settings.threads = threads;
    const language::Pipeline pipeline = language::parse(text, "test.toml", types());
    return flow::run(pipeline, types(), settings);
}

}  // namespace flow_test
