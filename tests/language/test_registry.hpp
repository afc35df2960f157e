// A registry of small node types, so that messages do not depend on the real plugins.
#pragma once

#include "pipeline/plugin.hpp"
#include "pipeline/registry/registry.hpp"

namespace language_test {

using namespace narrows;

class Source final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("samples")
            .source()
            .out("x", "f32[batch, ...]", "samples")
            .out("labels", "i64[batch]", "labels")
            .texts<&Source::file_>("file", "DATA", Need::required)
            .integer<&Source::batch_>("batch", 128, 1, 4096, "samples a packet")
            .flag<&Source::shuffle_>("shuffle", false, "another order each epoch");
    }
    void process(Context&) override {}
    std::vector<std::string> file_;
    std::int64_t batch_ = 0;
    bool shuffle_ = false;
};
class Noise final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("noise")
            .in("x", "f32[batch, ...]", "clean")
            .out("x", "f32 like x", "noisy")
            .number<&Noise::sigma_>("sigma", 0.1, 0, 10, "deviation")
            .choice<&Noise::kind_>("kind", "white", "white|pink|brown", "spectrum");
    }
    void process(Context&) override {}
    double sigma_ = 0;
    std::string kind_;
};
class Code final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("codes")
            .binds_model()
            .in("x", "f32[batch, ...]", "samples")
            .out("z", "f32[batch, ...]", "codes");
    }
    void process(Context&) override {}
};
class Loss final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("loss")
            .in("prediction", "f32[batch, ...]", "made")
            .in("target", "f32[batch, ...]", "wanted")
            .out("value", "scalar", "mean")
            .out("per_sample", "f32[batch]", "each");
    }
    void process(Context&) override {}
};
class Step final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("step")
            .binds_model()
            .updates_model()
            .in("loss", "scalar", "to make small", Need::many)
            .out("done", "event", "updated")
            .number<&Step::rate_>("rate", 1e-3, 0, 1, "learning rate");
    }
    void process(Context&) override {}
    double rate_ = 0;
};
class Keep final : public Node {
public:
    static void describe(Schema& schema) {
        schema.summary("keep")
            .in("after", "event", "when")
            .text<&Keep::file_>("file", "", "output", Need::required);
    }
    void process(Context&) override {}
    std::string file_;
};
class Dense final : public Component {
public:
    static void describe(Schema& schema) {
        schema.summary("dense")
            .main("units")
            .integer<&Dense::units_>("units", 0, 1, 100000, "outputs")
            .choice<&Dense::act_>("act", "linear", "linear|relu|sigmoid", "activation");
    }
    std::int64_t units_ = 0;
    std::string act_;
};
class Auto final : public Component {
public:
    static void describe(Schema& schema) {
        schema.summary("model").flag<&Auto::tied_>("tied", false, "one weight");
    }
    bool tied_ = false;
};

inline registry::Registry& types() {
    static registry::Registry* registry = [] {
        static constexpr Entry entries[] = {
            NARROWS_NODE(Source, "load"),        NARROWS_NODE(Noise, "corrupt.gaussian"),
            NARROWS_NODE(Code, "encode"),        NARROWS_NODE(Loss, "loss.mse"),
            NARROWS_NODE(Step, "optimize.adam"), NARROWS_NODE(Keep, "store.checkpoint"),
            NARROWS_LAYER(Dense, "dense"),       NARROWS_MODEL(Auto, "autoencoder")};
        static constexpr PluginInfo info{"test", "1", "types for tests", entries,
                                         std::size(entries)};
        auto* made = new registry::Registry;
        made->add(info);
        return made;
    }();
    return *registry;
}

}  // namespace language_test
