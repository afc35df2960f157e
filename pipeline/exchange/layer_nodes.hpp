// A layer as nodes of an ONNX graph: what it computes outside training.
#pragma once

#include "pipeline/exchange/graph_writer.hpp"
#include "pipeline/model/autoencoder.hpp"

namespace narrows::exchange {

struct LayerSource {
    const layers::Layer& layer;
    const LayerSpec& spec;
    std::vector<Factory::Complete> settings;  // all of the type's
    Shape output;
    std::string name;   // "encoder.0": of its weights in the file
    std::string owner;  // whose matrix, or centre, it computes with: of a tied layer the encoder's
};

// Looks weights up by name ("encoder.0.weight"); null: there are none.
class Weights {
public:
    explicit Weights(const model::Autoencoder& model) : all_(model.weights()) {}
    const model::NamedValues* find(std::string_view name) const;
    const model::NamedValues& get(const std::string& name) const;

private:
    std::vector<model::NamedValues> all_;
};

// Throws Error{Fault::usage} for a type that has no form in ONNX.
Wire write_layer(GraphWriter& graph, const Weights& weights, const LayerSource& source,
                 const Wire& x);

}  // namespace narrows::exchange
