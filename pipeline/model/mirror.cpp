// A decoder made from its encoder: its mirror image, its weights transposed, its centre shared.
#include "pipeline/layers/centre.hpp"
#include "pipeline/model/autoencoder.hpp"

namespace narrows::model {
namespace {

const Setting* find(const LayerSpec& spec, std::string_view name) {
    for (const Setting& setting : spec.settings)
        if (setting.name == name) return &setting;
    return nullptr;
}

LayerSpec reshape_to(const Shape& shape, const Position& position) {
    Setting extents{"shape", {}, {}};
    extents.value.numbers.assign(shape.begin(), shape.end());
    return {"reshape", {extents}, position};
}

// Weights decay, a codebook does not: it has no transpose to share.
bool owns_matrix(layers::Layer& layer) {
    for (const layers::Parameter* parameter : layer.parameters())
        if (parameter->matrix() && parameter->decays()) return true;
    return false;
}

}  // namespace

// Backwards through the encoder. An activation closes the layer before it: the mirror of layer i
// ends in that of layer i-1, and the last one in `output`. A layer that read an image as a vector
// gives a vector back, so a layer that sees shapes needs the image's before it.
void Autoencoder::build_mirror() {
    std::vector<LayerSpec> specs;
    std::optional<Shape> flattened;
    for (std::size_t i = encoder_.size(); i-- > 0;) {
        std::optional<LayerSpec> spec = encoder_.layer(i).mirror(encoder_.input_of(i));
        if (!spec)
            throw Error(Fault::usage,
                        "model \"" + name_ + "\": layer " + std::to_string(i) + " (" +
                            encoder_.layer(i).describe() + ") cannot be mirrored",
                        "write the decoder's layers out", encoder_.spec(i).position);
        if (spec->type.empty()) continue;
        spec->position = encoder_.spec(i).position;
        std::string act = output_act_;
        for (std::size_t j = i; j-- > 0;) {
            if (encoder_.spec(j).type == "activation") {
                act = "linear";
                break;
            }
            if (!encoder_.layer(j).activation()) continue;
            const Setting* own = find(encoder_.spec(j), "act");
            act = own ? own->value.text : "linear";
            break;
        }
        for (Setting& setting : spec->settings)
            if (setting.name == "act") setting.value.text = act;
        const bool sees_shape = spec->type != "dense" && spec->type != "reshape";
        if (flattened && sees_shape) specs.push_back(reshape_to(*flattened, spec->position));
        flattened.reset();
        if (spec->type == "dense" && encoder_.input_of(i).rank() > 1)
            flattened = encoder_.input_of(i);
        specs.push_back(std::move(*spec));
    }
    build_stack(decoder_, specs, {});
}

// Matrices pair up from the code outwards.
void Autoencoder::tie() {
    std::size_t i = encoder_.size(), pairs = 0;
    for (std::size_t j = 0; j < decoder_.size(); ++j) {
        if (!owns_matrix(decoder_.layer(j))) continue;
        while (i > 0 && !owns_matrix(encoder_.layer(i - 1))) --i;
        bool tied = false;
        try {
            tied = i > 0 && decoder_.layer(j).tie(encoder_.layer(--i));
        } catch (const Error& error) {
            throw Error(error.fault(), "model \"" + name_ + "\": " + error.what(), error.hint(),
                        decoder_.spec(j).position);
        }
        if (!tied)
            throw Error(Fault::usage,
                        "model \"" + name_ + "\": decoder layer " + std::to_string(j) + " (" +
                            decoder_.layer(j).describe() +
                            ") has no encoder layer to share weights with",
                        "use decoder = \"mirror\" with tied = true", decoder_.spec(j).position);
        ++pairs;
    }
    if (pairs == 0)
        throw Error(Fault::usage, "model \"" + name_ + "\" is tied but no layer has weights");
}

// What the encoder takes away is what the decoder adds, from the code outwards.
void Autoencoder::share_centres() {
    std::size_t i = encoder_.size();
    for (std::size_t j = 0; j < decoder_.size(); ++j) {
        if (dynamic_cast<layers::Centre*>(&decoder_.layer(j)) == nullptr) continue;
        while (i > 0 && !decoder_.layer(j).tie(encoder_.layer(i - 1))) --i;
        if (i == 0) return;
        --i;
    }
}

}  // namespace narrows::model
