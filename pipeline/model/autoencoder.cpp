#include "pipeline/model/autoencoder.hpp"

#include <algorithm>

#include "pipeline/layers/settings.hpp"
#include "pipeline/model/architecture.hpp"
#include "pipeline/model/model_file.hpp"
#include "pipeline/model/scaling.hpp"

namespace narrows::model {
namespace {

// FNV-1a: the place of a layer's first weights in the seed's random numbers.
std::uint32_t hash_of(std::string_view text) {
    std::uint32_t hash = 2166136261u;
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619u;
    return hash;
}

}  // namespace

void Autoencoder::describe(Schema& schema) {
    schema.summary("An encoder and a decoder, each a list of layers")
        .flag<&Autoencoder::tied_>("tied", false,
                                   "the decoder uses the encoder's weights, transposed")
        .choice<&Autoencoder::latent_>("latent", "plain", "plain|gaussian",
                                       "gaussian: the encoder ends in means and log-variances, one "
                                       "of each for every unit of the code")
        .choice<&Autoencoder::likelihood_>(
            "likelihood", "none", "none|bernoulli|gaussian|laplace",
            "p(x | z) of the decoder; gaussian, laplace: it may end in means and log-scales")
        .number<&Autoencoder::scale_>("scale", 1, 1e-12, 1e12,
                                      "gaussian: deviation, laplace: mean distance; where it is "
                                      "not learned",
                                      "scaled data units")
        .numbers<&Autoencoder::class_labels_>(
            "classes", "labels that the decoder tells apart: it gives one logit each")
        .texts<&Autoencoder::class_names_>("class_names", "their names, in the same order")
        .integer<&Autoencoder::kept_layers_>(
            "layers", 0, 0, 1 << 20,
            "file with a decoder of its own: how many of the encoder's "
            "layers are taken; 0: all",
            "layers")
        .flag<&Autoencoder::fresh_>("fresh", false,
                                    "file with a decoder of its own: its shapes, but new weights")
        .choice<&Autoencoder::output_act_>("output", "linear", layers::settings::activation_choices,
                                           "decoder = \"mirror\": the last activation");
}

void Autoencoder::build(const ModelSpec& spec, const Factory& factory, std::uint64_t seed) {
    name_ = spec.name;
    factory_ = &factory;
    seed_ = seed;
    take_classes();
    if (!spec.file.empty()) return load(spec);
    if (spec.encoder.empty())
        throw Error(Fault::usage, "model \"" + name_ + "\" has no encoder layers",
                    "for example encoder = [{ dense = 32 }]", spec.position);
    build_stack(encoder_, spec.encoder, spec.encoder_position);
    mirror_ = spec.mirror;
    if (!mirror_) build_stack(decoder_, spec.decoder, spec.decoder_position);
    if (spec.input) configure(*spec.input);
}

void Autoencoder::build_stack(Stack& stack, std::span<const LayerSpec> specs,
                              const Position& position) {
    for (const LayerSpec& spec : specs) {
        std::unique_ptr<Component> made;
        try {
            made = factory_->create(Kind::layer, spec.type, spec.settings);
        } catch (const Error& error) {
            const Position at = error.position().line ? error.position()
                                : spec.position.line  ? spec.position
                                                      : position;
            throw Error(error.fault(), "model \"" + name_ + "\": " + error.what(), error.hint(),
                        at);
        }
        auto* layer = dynamic_cast<layers::Layer*>(made.get());
        if (layer == nullptr)
            throw Error(Fault::plugin, "layer type \"" + spec.type + "\" is not a layer");
        made.release();
        stack.add(std::unique_ptr<layers::Layer>(layer), spec);
    }
}

void Autoencoder::configure(const Shape& sample) {
    if (configured()) {
        if (sample.elements() != encoder_.input().elements())
            throw Error(from_file_ ? Fault::input : Fault::usage,
                        "model \"" + name_ + "\" takes samples of shape " +
                            to_string(encoder_.input()) + " (" +
                            std::to_string(encoder_.input().elements()) + " values), found " +
                            to_string(sample) + " (" + std::to_string(sample.elements()) + ")",
                        from_file_ ? "use the data that the model was made for" : "change `input`");
        return;
    }
    const auto with_name = [&](std::string_view part, auto body) {
        try {
            body();
        } catch (const Error& error) {
            throw Error(error.fault(),
                        "model \"" + name_ + "\": " + std::string(part) + error.what(),
                        error.hint(), error.position());
        }
    };
    with_name("encoder ", [&] { encoder_.configure(sample); });
    if (gaussian() && encoder_.output().elements() % 2 != 0)
        throw Error(
            Fault::usage,
            "model \"" + name_ +
                "\": a gaussian latent needs an even number of outputs, the encoder gives " +
                to_string(encoder_.output()),
            "give its last layer twice as many units as the code has",
            encoder_.spec(encoder_.size() - 1).position);
    if (mirror_) build_mirror();
    with_name("decoder ", [&] { decoder_.configure(code_shape()); });
    const auto labels = static_cast<std::int64_t>(classes_.size());
    if (labels > 0 && decoder_.output().elements() != labels)
        throw Error(Fault::usage,
                    "model \"" + name_ + "\": the decoder gives " + to_string(decoder_.output()) +
                        " values for " + std::to_string(labels) + " classes",
                    "its last layer must give one value a class",
                    decoder_.spec(decoder_.size() - 1).position);
    if (labels == 0 && decoder_.size() > 0 && !learned_scale() &&
        decoder_.output().elements() != sample.elements())
        throw Error(Fault::usage,
                    "model \"" + name_ + "\": the decoder gives " + to_string(decoder_.output()) +
                        " (" + std::to_string(decoder_.output().elements()) +
                        " values) for samples of " + to_string(sample) + " (" +
                        std::to_string(sample.elements()) + ")",
                    "its last layer must give as many values as a sample has",
                    decoder_.spec(decoder_.size() - 1).position);
    Architecture architecture{sample,   {},           {},          tied_, latent_,
                              classes_, class_names_, likelihood_, scale_};
    for (std::size_t i = 0; i < encoder_.size(); ++i)
        architecture.encoder.push_back(encoder_.spec(i));
    for (std::size_t i = 0; i < decoder_.size(); ++i)
        architecture.decoder.push_back(decoder_.spec(i));
    architecture_ = write_architecture(architecture, *factory_);
    if (tied_) tie();
    share_centres();
    initialise();
    fit_layers();
}

bool Autoencoder::learned_scale() const {
    return (likelihood_ == "gaussian" || likelihood_ == "laplace") && decoder_.size() > 0 &&
           decoder_.output().elements() == 2 * input_shape().elements();
}

Shape Autoencoder::code_shape() const {
    return gaussian() ? Shape{encoder_.output().elements() / 2} : encoder_.output();
}

void Autoencoder::initialise() {
    for (const bool first : {true, false}) {
        Stack& stack = first ? encoder_ : decoder_;
        for (std::size_t i = 0; i < stack.size(); ++i)
            stack.layer(i).initialise(
                {seed_, hash_of(name_ + (first ? ".encoder." : ".decoder.") + std::to_string(i))});
    }
}

void Autoencoder::set_scaling(Scaling scaling) {
    scaling_ = std::move(scaling);
    if (configured()) fit_layers();
}

// Layers meet the data's statistics in the units that the model sees.
void Autoencoder::fit_layers() {
    if (from_file_ || !scaling_) return;
    const std::size_t features = scaling_->mean.size();
    if (features != static_cast<std::size_t>(input_shape().elements()) ||
        scaling_->deviation.size() != features)
        return;
    const FeatureStatistics data = scaled_statistics(*scaling_);
    for (const Stack* stack : {&encoder_, &decoder_})
        for (std::size_t i = 0; i < stack->size(); ++i)
            stack->layer(i).fit(data.mean, data.deviation);
}

void Autoencoder::load(const ModelSpec& spec) {
    const storage::Bundle bundle = storage::read_bundle(spec.file, "narrows-model");
    Architecture architecture = read_architecture(stored_architecture(bundle));
    latent_ = architecture.latent;
    from_file_ = true;
    const bool own_decoder = !spec.decoder.empty();
    if (own_decoder) {
        const auto layers = static_cast<std::int64_t>(architecture.encoder.size());
        if (kept_layers_ > layers)
            throw Error(Fault::usage,
                        "model \"" + name_ + "\": layers = " + std::to_string(kept_layers_) +
                            ", but the file's encoder has " + std::to_string(layers),
                        "take fewer, or leave it out for all", spec.position);
        if (kept_layers_ > 0 && kept_layers_ < layers) {
            architecture.encoder.resize(static_cast<std::size_t>(kept_layers_));
            latent_ = "plain";
        }
    } else {
        tied_ = architecture.tied;
        classes_ = architecture.classes;
        class_names_ = architecture.class_names;
        likelihood_ = architecture.likelihood;
        scale_ = architecture.scale;
    }
    build_stack(encoder_, architecture.encoder, spec.position);
    if (own_decoder)
        build_stack(decoder_, spec.decoder, spec.decoder_position);
    else
        build_stack(decoder_, architecture.decoder, spec.position);
    configure(architecture.input);
    // The text as it was written: settings that came later change no hash of an older file.
    if (!own_decoder) architecture_ = stored_architecture(bundle);
    from_bundle(bundle, *this, !own_decoder ? "" : fresh_ ? "none" : "encoder.");
}

void Autoencoder::take_classes() {
    for (const double label : class_labels_) {
        const auto value = static_cast<std::int64_t>(label);
        if (static_cast<double>(value) != label ||
            std::find(classes_.begin(), classes_.end(), value) != classes_.end())
            throw Error(Fault::usage,
                        "model \"" + name_ + "\": classes must be different integers");
        classes_.push_back(value);
    }
    if (!class_names_.empty() && class_names_.size() != classes_.size())
        throw Error(Fault::usage, "model \"" + name_ + "\": there are " +
                                      std::to_string(class_names_.size()) + " class_names for " +
                                      std::to_string(classes_.size()) + " classes");
}

void Autoencoder::note_codes(std::string_view name, double value) {
    for (auto& [known, old] : code_notes_)
        if (known == name) {
            old = value;
            return;
        }
    code_notes_.emplace_back(name, value);
}

const Shape& Autoencoder::output_shape() const {
    return classes_.empty() ? input_shape() : decoder_.output();
}

std::string Autoencoder::describe() const {
    return (configured() ? to_string(encoder_.input()) + " -> " : "") + encoder_.describe() +
           " | " + decoder_.describe() + (tied_ ? " (tied)" : "") +
           (gaussian() ? " (gaussian latent)" : "");
}

}  // namespace narrows::model
