#include <limits>

#include "pipeline/exchange/exchange.hpp"
#include "pipeline/exchange/layer_reader.hpp"

namespace narrows::exchange {
namespace {

std::vector<std::int64_t> sample_dims(const Chain& chain, const ImportOptions& options) {
    const std::vector<std::int64_t> stated = chain.input_dims();
    if (options.sample.empty() && stated.empty())
        throw Error(Fault::input,
                    "the file leaves the shape of its input \"" + chain.input() + "\" open",
                    "give it: --sample-shape 1,28,28");
    return options.sample.empty() ? stated : options.sample;
}

}  // namespace

std::unique_ptr<model::Autoencoder> import_onnx(std::string_view bytes, const Factory& factory,
                                                const ImportOptions& options) {
    onnx::Model file;
    if (bytes.size() > std::numeric_limits<std::int32_t>::max() ||
        !file.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) || !file.has_graph())
        throw Error(Fault::input, "this is not an ONNX file, or a damaged one");
    const Chain chain(file.graph());
    const std::vector<std::string> outputs = chain.outputs();
    if (outputs.empty()) throw Error(Fault::input, "the ONNX graph has no output");
    const std::string code = options.output.empty() ? outputs[0] : options.output;
    LayerReader reader(chain, factory, sample_dims(chain, options));
    const std::vector<Link> links = chain.to(code);
    for (const Link& link : links) reader.read(link);
    if (options.decoder) {
        const std::vector<Link> all = chain.to(outputs[0]);
        if (all.size() <= links.size() ||
            (!links.empty() && all[links.size() - 1].output != links.back().output))
            throw Error(Fault::input,
                        "nothing leads from \"" + code + "\" to the output \"" + outputs[0] + "\"",
                        "name a tensor between input and output with --code");
        reader.begin_decoder();
        for (std::size_t i = links.size(); i < all.size(); ++i) reader.read(all[i]);
    }
    reader.settle();
    if (reader.encoder().empty())
        throw Error(Fault::input,
                    "there is no layer between \"" + chain.input() + "\" and \"" + code + "\"");

    auto model = std::make_unique<model::Autoencoder>();
    ModelSpec spec;
    spec.name = "imported";
    spec.encoder = reader.encoder();
    spec.decoder = reader.decoder();
    spec.input = reader.input();
    try {
        model->build(spec, factory, 1);
        model->set_weights(reader.weights());
    } catch (const Error& error) {
        throw Error(Fault::input, error.what(), error.hint());
    }
    std::string broken;
    if (!model->weights_finite(broken))
        throw Error(Fault::input, broken + " holds what is not a number", "the file is damaged");
    model->set_scaling(reader.scaling());
    return model;
}

}  // namespace narrows::exchange
