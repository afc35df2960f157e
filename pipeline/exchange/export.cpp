#include <algorithm>
#include <limits>

#include "pipeline/exchange/exchange.hpp"
#include "pipeline/exchange/layer_nodes.hpp"

namespace narrows::exchange {
namespace {

using model::Autoencoder;
using model::Scaling;

constexpr std::int64_t ir_version = 8, operator_set = 17;
constexpr std::size_t most_bytes = std::numeric_limits<std::int32_t>::max();  // of a protobuf

class Exporter {
public:
    Exporter(const Autoencoder& model, const Factory& factory, onnx::Graph& graph)
        : model_(model), factory_(factory), weights_(model), graph_(graph) {
        find_owners();
    }

    void encoder() {
        const Wire out = encode();
        graph_.output(means(out), "z");
        if (!model_.gaussian()) return;
        Wire spread = half(out, model_.code_shape(), 1);
        const float bounds[] = {model::lowest_log_variance, model::highest_log_variance};
        spread.name = graph_
                          .node("Clip", {spread.name, graph_.floats("lowest", {}, {bounds, 1}),
                                         graph_.floats("highest", {}, {bounds + 1, 1})})
                          .output();
        graph_.output(spread, "log_variance");
    }
    void decoder() {
        graph_.input("z", model_.code_shape());
        finish({"z", model_.code_shape()});
    }
    void whole() { finish(means(encode())); }

private:
    // Weights of layers that have none of their own pair up from the code outwards, as when they
    // were tied.
    void find_owners() {
        std::vector<std::string> matrices, centres;
        for (std::size_t i = 0; i < model_.encoder().size(); ++i) {
            const std::string name = "encoder." + std::to_string(i);
            if (model_.encoder().spec(i).type == "centre")
                centres.push_back(name);
            else if (weights_.find(name + ".weight"))
                matrices.push_back(name);
        }
        for (std::size_t i = 0; i < model_.decoder().size(); ++i) {
            const std::string& type = model_.decoder().spec(i).type;
            const std::string name = "decoder." + std::to_string(i);
            owner_.push_back(name);
            auto& from = type == "centre" ? centres : matrices;
            const bool borrows = type == "centre" ? !weights_.find(name + ".bias")
                                                  : (type == "dense" || type.starts_with("conv")) &&
                                                        !weights_.find(name + ".weight");
            if (!borrows || from.empty()) continue;
            owner_.back() = from.back();
            from.pop_back();
        }
    }

    Wire layers(const model::Stack& stack, const char* part, Wire x) {
        for (std::size_t i = 0; i < stack.size(); ++i) {
            const std::string name = std::string(part) + "." + std::to_string(i);
            const std::string& owner = &stack == &model_.decoder() ? owner_[i] : name;
            // What stands behind the values is the scale of a likelihood: no part of a sample.
            if (stack.spec(i).type == "log_scale") continue;
            const LayerSource source{
                stack.layer(i),
                stack.spec(i),
                factory_.complete(Kind::layer, stack.spec(i).type, stack.spec(i).settings),
                stack.input_of(i + 1),
                name,
                owner};
            x = write_layer(graph_, weights_, source, x);
        }
        return x;
    }

    Wire encode() {
        graph_.input("x", model_.input_shape());
        Wire x{"x", model_.input_shape()};
        const Scaling& scaling = this->scaling();
        if (std::any_of(scaling.shift.begin(), scaling.shift.end(), [](float v) { return v != 0; }))
            x = graph_.combined("Sub", x, "scaling.shift", scaling.shift);
        if (!scaling.factor.empty())
            x = graph_.combined("Mul", x, "scaling.factor", scaling.factor);
        return layers(model_.encoder(), "encoder", x);
    }

    Wire means(const Wire& out) {
        return model_.gaussian() ? half(out, model_.code_shape(), 0) : out;
    }

    // The first or second half of a sample's values.
    Wire half(const Wire& wire, const Shape& shape, std::int64_t which) {
        const std::int64_t size = shape.elements(), axis = 1;
        const std::int64_t first = which * size, last = first + size;
        const std::string name =
            graph_
                .node("Slice", {graph_.flat(wire).name, graph_.integers({&first, 1}),
                                graph_.integers({&last, 1}), graph_.integers({&axis, 1})})
                .output();
        return graph_.reshaped({name, Shape{size}}, shape);
    }

    void finish(const Wire& code) {
        if (model_.decoder().size() == 0)
            throw Error(Fault::usage, "the model has no decoder", "use --what encoder");
        Wire y = layers(model_.decoder(), "decoder", code);
        if (!model_.classes().empty()) {
            y = graph_.flat(y);
            graph_.output(y, "logits");
            graph_.output({graph_.node("Softmax", {y.name}).integer("axis", 1).output(), y.shape},
                          "probabilities");
            return;
        }
        if (y.shape.elements() == 2 * model_.input_shape().elements())
            y = half(y, model_.input_shape(), 0);
        graph_.output(unscaled(graph_.reshaped(y, model_.input_shape())), "reconstruction");
    }

    // x / factor + shift; a constant feature has the factor 0 and is its shift.
    Wire unscaled(Wire y) {
        const Scaling& scaling = this->scaling();
        if (!scaling.factor.empty()) {
            std::vector<float> inverse(scaling.factor.size());
            for (std::size_t i = 0; i < inverse.size(); ++i)
                inverse[i] = scaling.factor[i] == 0
                                 ? 0
                                 : static_cast<float>(1 / static_cast<double>(scaling.factor[i]));
            y = graph_.combined("Mul", y, "scaling.inverse", inverse);
        }
        if (std::any_of(scaling.shift.begin(), scaling.shift.end(), [](float v) { return v != 0; }))
            y = graph_.combined("Add", y, "scaling.shift", scaling.shift);
        return y;
    }

    const Scaling& scaling() const {
        static const Scaling none;
        return model_.scaling() ? *model_.scaling() : none;
    }

    const Autoencoder& model_;
    const Factory& factory_;
    Weights weights_;
    GraphWriter graph_;
    std::vector<std::string> owner_;  // of each decoder layer's weights
};

void note(onnx::Model& file, const char* key, std::string value) {
    onnx::Entry& entry = *file.add_metadata_props();
    entry.set_key(key);
    entry.set_value(std::move(value));
}

}  // namespace

std::string export_onnx(const Autoencoder& model, const Factory& factory, Part part) {
    onnx::Model file;
    file.set_ir_version(ir_version);
    file.set_producer_name("narrows");
    file.set_producer_version(std::string(version));
    file.add_opset_import()->set_version(operator_set);
    file.mutable_graph()->set_name("narrows");
    note(file, "model_sha256", model.sha256());
    std::string classes;
    for (std::size_t i = 0; i < model.classes().size(); ++i)
        classes +=
            (i ? "\n" : "") + (model.class_names().empty() ? std::to_string(model.classes()[i])
                                                           : model.class_names()[i]);
    if (!classes.empty()) note(file, "classes", classes);
    Exporter exporter(model, factory, *file.mutable_graph());
    if (part == Part::encoder)
        exporter.encoder();
    else if (part == Part::decoder)
        exporter.decoder();
    else
        exporter.whole();
    if (file.ByteSizeLong() > most_bytes)
        throw Error(Fault::usage,
                    "the model takes more than 2 GiB, the most that an ONNX file holds",
                    "export the encoder or the decoder alone");
    return file.SerializeAsString();
}

}  // namespace narrows::exchange
