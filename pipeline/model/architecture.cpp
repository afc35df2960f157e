#include "pipeline/model/architecture.hpp"

#include <nlohmann/json.hpp>

namespace narrows::model {
namespace {

using Json = nlohmann::ordered_json;
constexpr int format = 1;

Json to_json(const Factory::Complete& parameter) {
    const Value& value = parameter.value;
    switch (parameter.kind) {
        case ParameterKind::integer:
            return value.integer;
        case ParameterKind::number:
            return value.number;
        case ParameterKind::flag:
            return value.flag;
        case ParameterKind::numbers:
            return value.numbers;
        case ParameterKind::texts:
            return value.texts;
        default:
            return value.text;
    }
}

Value from_json(const Json& json) {
    Value value;
    if (json.is_boolean())
        value.flag = json.get<bool>();
    else if (json.is_number_integer())
        value.integer = json.get<std::int64_t>();
    else if (json.is_string())
        value.text = json.get<std::string>();
    if (json.is_number()) value.number = json.get<double>();
    if (json.is_array())
        for (const Json& item : json) {
            if (item.is_number())
                value.numbers.push_back(item.get<double>());
            else
                value.texts.push_back(item.get<std::string>());
        }
    return value;
}

Json to_json(std::span<const LayerSpec> specs, const Factory& factory) {
    Json list = Json::array();
    for (const LayerSpec& spec : specs) {
        Json layer;
        layer["type"] = spec.type;
        for (const auto& parameter : factory.complete(Kind::layer, spec.type, spec.settings))
            layer[parameter.name] = to_json(parameter);
        list.push_back(std::move(layer));
    }
    return list;
}

std::vector<LayerSpec> layers_from(const Json& list) {
    std::vector<LayerSpec> specs;
    for (const Json& layer : list) {
        LayerSpec spec;
        for (const auto& [key, value] : layer.items())
            if (key == "type")
                spec.type = value.get<std::string>();
            else
                spec.settings.push_back({key, from_json(value), {}});
        specs.push_back(std::move(spec));
    }
    return specs;
}

}  // namespace

std::string write_architecture(const Architecture& architecture, const Factory& factory) {
    Json json;
    json["format"] = format;
    json["type"] = "autoencoder";
    json["input"] = std::vector<std::int64_t>(architecture.input.begin(), architecture.input.end());
    json["encoder"] = to_json(architecture.encoder, factory);
    json["decoder"] = to_json(architecture.decoder, factory);
    json["tied"] = architecture.tied;
    if (architecture.latent != "plain") json["latent"] = architecture.latent;
    if (!architecture.classes.empty()) json["classes"] = architecture.classes;
    if (!architecture.class_names.empty()) json["class_names"] = architecture.class_names;
    if (architecture.likelihood != "none") {
        json["likelihood"] = architecture.likelihood;
        json["scale"] = architecture.scale;
    }
    return json.dump();
}

Architecture read_architecture(std::string_view text) {
    try {
        const Json json = Json::parse(text);
        if (json.at("format").get<int>() != format)
            throw Error(Fault::input,
                        "the model's architecture has format " +
                            std::to_string(json.at("format").get<int>()) + ", this narrows reads " +
                            std::to_string(format),
                        "use a newer narrows");
        Architecture out;
        for (const Json& extent : json.at("input")) out.input.push_back(extent.get<std::int64_t>());
        out.encoder = layers_from(json.at("encoder"));
        out.decoder = layers_from(json.at("decoder"));
        out.tied = json.at("tied").get<bool>();
        out.latent = json.value("latent", "plain");
        out.classes = json.value("classes", std::vector<std::int64_t>{});
        out.class_names = json.value("class_names", std::vector<std::string>{});
        out.likelihood = json.value("likelihood", "none");
        out.scale = json.value("scale", 1.0);
        return out;
    } catch (const nlohmann::json::exception& error) {
        throw Error(Fault::input,
                    std::string("the model's architecture cannot be read: ") + error.what(),
                    "the file was not written by narrows, or by a newer one");
    }
}

}  // namespace narrows::model
