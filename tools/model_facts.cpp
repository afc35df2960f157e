#include "tools/model_facts.hpp"

#include <fmt/format.h>

#include "pipeline/model/architecture.hpp"
#include "pipeline/model/model_file.hpp"
#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/bundle.hpp"

namespace narrows::tools {
namespace {

const std::string* text_attribute(
    const std::vector<std::pair<std::string, storage::Attribute>>& attributes,
    std::string_view name) {
    for (const auto& [key, value] : attributes)
        if (key == name) return std::get_if<std::string>(&value);
    return nullptr;
}

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
    if (const std::string* kind = text_attribute(bundle.attributes, "scaling"))
        facts.scaling = *kind;
    if (const std::string* type = text_attribute(bundle.attributes, "source_type"))
        facts.source_type = *type;
    if (const std::string* latent = text_attribute(bundle.attributes, "latent"))
        facts.gaussian = *latent == "gaussian";
    const model::Architecture architecture =
        model::read_architecture(model::stored_architecture(bundle));
    facts.decoder = !architecture.decoder.empty();
    facts.quantised =
        !architecture.encoder.empty() && architecture.encoder.back().type == "vector_quantise";
    if (const std::string* likelihood = text_attribute(bundle.attributes, "likelihood")) facts.likelihood = *likelihood;
    if (const auto* scale = bundle.attribute("likelihood_scale")) facts.likelihood_scale = std::get<double>(*scale);
    if (const auto* learned = bundle.attribute("learned_scale")) facts.learned_scale = std::get<std::int64_t>(*learned) != 0;
    facts.shift = floats(bundle, "/scaling/shift");
    facts.factor = floats(bundle, "/scaling/factor");
    if (facts.factor.size() != facts.shift.size()) facts.shift.clear();
    return facts;
}

std::string stored_pipeline(const std::string& file) {
    const storage::ArrayFile stored(file);
    const storage::FileInfo info = stored.look();
    if (const std::string* text = text_attribute(info.attributes, "pipeline")) return *text;
    for (const storage::ArrayInfo& array : info.arrays) {
        if (array.path != "/config" || array.type != storage::Numeric::u8 ||
            array.shape.rank() != 1)
            continue;
        std::string text(static_cast<std::size_t>(array.shape[0]), '\0');
        stored.open(array.path)->read(0, array.shape[0], reinterpret_cast<std::byte*>(text.data()));
        return text;
    }
    throw Error(Fault::input, fmt::format("\"{}\" holds no pipeline", file),
                "files that narrows wrote do; narrows info shows what is there");
}

}  // namespace narrows::tools
