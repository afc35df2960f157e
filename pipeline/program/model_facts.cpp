#include "pipeline/program/model_facts.hpp"

#include "pipeline/model/architecture.hpp"
#include "pipeline/model/model_file.hpp"
#include "pipeline/storage/bundle.hpp"

namespace narrows::program {
namespace {

std::vector<float> floats(const storage::Bundle& bundle, std::string_view path) {
    const storage::Array* array = bundle.find(path);
    if (array == nullptr || array->type != Type::f32) return {};
    const auto values = array->as<float>();
    return {values.begin(), values.end()};
}

}  // namespace

ModelFacts model_facts(const std::string& file) {
    const storage::Bundle bundle = storage::read_bundle(file, "narrows-model");
    ModelFacts facts;
    if (const std::string* kind = storage::text_attribute(bundle.attributes, "scaling"))
        facts.scaling = *kind;
    if (const std::string* type = storage::text_attribute(bundle.attributes, "source_type"))
        facts.source_type = *type;
    if (const std::string* latent = storage::text_attribute(bundle.attributes, "latent"))
        facts.gaussian = *latent == "gaussian";
    const model::Architecture architecture =
        model::read_architecture(model::stored_architecture(bundle));
    facts.decoder = !architecture.decoder.empty();
    facts.classifier = !architecture.classes.empty();
    facts.quantised =
        !architecture.encoder.empty() && architecture.encoder.back().type == "vector_quantise";
    if (const std::string* likelihood = storage::text_attribute(bundle.attributes, "likelihood"))
        facts.likelihood = *likelihood;
    if (const auto* scale = bundle.attribute("likelihood_scale"))
        facts.likelihood_scale = std::get<double>(*scale);
    if (const auto* learned = bundle.attribute("learned_scale"))
        facts.learned_scale = std::get<std::int64_t>(*learned) != 0;
    facts.shift = floats(bundle, "/scaling/shift");
    facts.factor = floats(bundle, "/scaling/factor");
    if (facts.factor.size() != facts.shift.size()) facts.shift.clear();
    return facts;
}

}  // namespace narrows::program
