#include <algorithm>

#include <fmt/format.h>

#include "pipeline/language/tables.hpp"
#include "pipeline/language/values.hpp"

namespace narrows::language {
namespace {

constexpr std::int64_t most_elements = std::int64_t{1} << 40;  // of a sample

// { dense = 256, act = "relu" } or { type = "dense", units = 256 }.
void read_layer(const Reading& reading, const Item& item, std::string_view owner,
                LayerSpec& layer) {
    layer.position = item.place.position;
    if (item.kind != Item::Kind::table || item.table.empty()) {
        reading.problems.add(item.place, fmt::format("{}: a layer must be a table", owner),
                             {"for example { dense = 256, act = \"relu\" }"});
        return;
    }
    const Item::Entry& first = item.table.front();
    const bool spelled = first.key == "type" && first.value.kind == Item::Kind::text;
    layer.type = spelled ? first.value.text : first.key;
    const auto* type = reading.registry.find(Kind::layer, layer.type);
    if (type == nullptr) {
        std::vector<std::string> notes;
        for (const Item::Entry& later : item.table)
            if (!spelled && reading.registry.find(Kind::layer, later.key))
                notes = {fmt::format("a layer's type comes first: {{ {} = ..., {} = ... }}",
                                     later.key, first.key)};
        if (notes.empty()) notes = reading.type_notes(Kind::layer, layer.type);
        reading.problems.add(spelled ? first.value.place : first.place,
                             fmt::format("{}: no layer type \"{}\"", owner, layer.type), notes);
        return;
    }
    const std::string who = fmt::format("{}, layer {}", owner, layer.type);
    std::vector<std::string> given;
    const auto take = [&](const Item& value, const registry::ParameterInfo& parameter) {
        if (std::find(given.begin(), given.end(), parameter.name) != given.end()) {
            reading.problems.add(value.place, fmt::format("{}: \"{}\" is what {} = says already",
                                                          who, parameter.name, layer.type));
            return;
        }
        given.push_back(parameter.name);
        Setting setting;
        if (read_value(value, parameter, who, reading.problems, setting) &&
            !is_default(setting, parameter))
            layer.settings.push_back(std::move(setting));
    };
    if (!spelled) {
        const auto* main = type->main.empty() ? nullptr : type->parameter(type->main);
        if (main != nullptr && first.value.kind != Item::Kind::flag)
            take(first.value, *main);
        else if (first.value.kind != Item::Kind::flag || !first.value.flag)
            reading.problems.add(first.value.place, fmt::format("{} takes no value", who),
                                 {fmt::format("write {{ {} = true }}", layer.type)});
    }
    for (std::size_t i = 1; i < item.table.size(); ++i) {
        const Item::Entry& entry = item.table[i];
        if (const auto* parameter =
                find_parameter(*type, entry, who, reading.registry, reading.problems, {}))
            take(entry.value, *parameter);
    }
    for (const auto& parameter : type->parameters)
        if (must_be_given(parameter) &&
            std::find(given.begin(), given.end(), parameter.name) == given.end())
            reading.problems.add(spelled ? item.place : first.place,
                                 fmt::format("{} needs \"{}\"", who, parameter.name),
                                 {parameter.name + ": " + parameter.doc});
}

void read_layers(const Reading& reading, const Item& item, const std::string& owner,
                 std::vector<LayerSpec>& layers) {
    if (item.kind != Item::Kind::array) {
        reading.problems.add(
            item.place,
            fmt::format("{} must be a list of layers, found {}", owner, kind_name(item.kind)),
            {"for example [{ dense = 256, act = \"relu\" }, { dense = 32 }]"});
        return;
    }
    for (const Item& element : item.array) {
        LayerSpec layer;
        read_layer(reading, element, owner, layer);
        layers.push_back(std::move(layer));
    }
}

void read_model(const Reading& reading, const Item::Entry& entry, ModelSpec& model) {
    model.name = entry.key;
    reading.check_name(entry, "model");
    model.position = reading.head(entry, "model").position;
    const std::string owner = fmt::format("model \"{}\"", model.name);
    const Item* type_item = entry.value.find("type");
    if (type_item) model.type = type_item->text;
    const auto* type = reading.registry.find(Kind::model, model.type);
    if (type == nullptr) {
        reading.problems.add(type_item ? type_item->place : reading.head(entry, "model"),
                             fmt::format("{}: no model type \"{}\"", owner, model.type),
                             reading.type_notes(Kind::model, model.type));
    }
    const Item* layers = nullptr;
    const Item* own_decoder = nullptr;
    for (const Item::Entry& own : entry.value.table) {
        const Item& value = own.value;
        if (own.key == "type") continue;
        if (own.key == "doc") {
            if (value.kind != Item::Kind::text)
                reading.problems.add(value.place, owner + ": \"doc\" must be a text");
        } else if (own.key == "file") {
            if (value.kind != Item::Kind::text)
                reading.problems.add(value.place, owner + ": \"file\" must be a text");
            model.file = value.text;
        } else if (own.key == "input") {
            Shape shape;
            bool good = value.kind == Item::Kind::array && !value.array.empty() &&
                        value.array.size() < Shape::max_rank;
            std::int64_t elements = 1;  // no product of extents may overflow later
            for (const Item& extent : value.array) {
                good = good && extent.kind == Item::Kind::integer && extent.integer > 0 &&
                       extent.integer <= most_elements / elements;
                if (good) elements *= extent.integer;
            }
            if (good)
                for (const Item& extent : value.array) shape.push_back(extent.integer);
            else
                reading.problems.add(value.place, owner + ": \"input\" must be a sample's shape",
                                     {"for example input = [28, 28]"});
            model.input = shape;
        } else if (own.key == "encoder") {
            layers = &value;
            model.encoder_position = own.place.position;
            read_layers(reading, value, owner + ": encoder", model.encoder);
        } else if (own.key == "decoder") {
            own_decoder = &value;
            model.decoder_position = own.place.position;
            if (value.kind == Item::Kind::text && value.text == "mirror")
                model.mirror = true;
            else if (value.kind == Item::Kind::text)
                reading.problems.add(
                    value.place, fmt::format("{}: decoder \"{}\" is not known", owner, value.text),
                    {"write decoder = \"mirror\" or a list of layers"});
            else
                read_layers(reading, value, owner + ": decoder", model.decoder);
        } else if (type != nullptr) {
            const auto* parameter =
                find_parameter(*type, own, owner, reading.registry, reading.problems,
                               {"type", "doc", "file", "input", "encoder", "decoder"});
            Setting setting;
            if (parameter && read_value(value, *parameter, owner, reading.problems, setting) &&
                !is_default(setting, *parameter))
                model.settings.push_back(std::move(setting));
        }
    }
    if (!model.file.empty() && layers == nullptr && model.mirror) layers = own_decoder;
    if (!model.file.empty() && layers != nullptr)
        reading.problems.add(
            layers->place, owner + " has both a file and layers",
            {"a model from a file has its layers already; only a decoder may be written out"});
    if (model.file.empty() && model.encoder.empty() && entry.value.find("encoder") == nullptr)
        reading.problems.add(reading.head(entry, "model"),
                             owner + " has neither a file nor an encoder",
                             {"write file = \"M.h5\", or encoder = [{ dense = 32 }]"});
}

}  // namespace

void read_models(const Reading& reading, std::vector<ModelSpec>& models) {
    const Item* table = reading.document.find("model");
    if (table == nullptr || table->kind != Item::Kind::table) return;
    for (const Item::Entry& entry : table->table) {
        if (entry.value.kind != Item::Kind::table) {
            reading.problems.add(entry.place,
                                 fmt::format("model \"{}\" must be a table", entry.key),
                                 {fmt::format("write [model.{}]", entry.key)});
            continue;
        }
        ModelSpec model;
        read_model(reading, entry, model);
        models.push_back(std::move(model));
    }
}

}  // namespace narrows::language
