#include <algorithm>

#include <fmt/format.h>

#include "pipeline/language/tables.hpp"
#include "pipeline/language/values.hpp"

namespace narrows::language {
namespace {

void read_inputs(const Reading& reading, const Item& in, const std::string& owner,
                 const registry::TypeInfo* type, NodeSpec& node, std::vector<Place>& places) {
    if (in.kind != Item::Kind::table) {
        reading.problems.add(in.place, owner + ": \"in\" must name ports",
                             {"for example in.x = \"data.x\""});
        return;
    }
    for (const Item::Entry& entry : in.table) {
        const registry::PortInfo* port = type ? type->input(entry.key) : nullptr;
        if (type != nullptr && port == nullptr) {
            std::vector<std::string> known;
            for (const auto& other : type->inputs) known.push_back(other.name);
            std::vector<std::string> notes = notes_for(entry.key, known, "its inputs");
            if (known.empty()) notes = {type->type + " has no inputs"};
            reading.problems.add(
                entry.place, fmt::format("{}: {} has no input \"{}\"", owner, node.type, entry.key),
                notes);
            continue;
        }
        std::vector<const Item*> references;
        if (entry.value.kind == Item::Kind::text) references.push_back(&entry.value);
        for (const Item& element : entry.value.array) references.push_back(&element);
        if (references.empty()) {
            reading.problems.add(entry.value.place,
                                 fmt::format("{}: input \"{}\" must be a reference, found {}",
                                             owner, entry.key, kind_name(entry.value.kind)),
                                 {"write \"node.port\", or \"node\" where it has one output"});
            continue;
        }
        if (references.size() > 1 && port && port->need != Need::many)
            reading.problems.add(entry.value.place,
                                 fmt::format("{}: input \"{}\" takes one reference, found {}",
                                             owner, entry.key, references.size()));
        for (const Item* reference : references) {
            if (reference->kind != Item::Kind::text || reference->text.empty()) {
                reading.problems.add(
                    reference->place,
                    fmt::format("{}: input \"{}\" must be a reference", owner, entry.key));
                continue;
            }
            const std::size_t dot = reference->text.find('.');
            Connection connection{entry.key, reference->text.substr(0, dot), {}, {}};
            if (reference->place.argument.empty()) connection.position = reference->place.position;
            if (dot != std::string::npos) connection.from_port = reference->text.substr(dot + 1);
            node.inputs.push_back(std::move(connection));
            places.push_back(reference->place);
        }
    }
}

void read_node(const Reading& reading, const Item::Entry& entry,
               const std::vector<ModelSpec>& models, NodeSpec& node, std::vector<Place>& places) {
    node.id = entry.key;
    reading.check_name(entry, "node");
    const Place head = reading.head(entry, "node");
    node.position = head.position;
    const std::string owner = fmt::format("node \"{}\"", node.id);
    const Item* type_item = entry.value.find("type");
    const registry::TypeInfo* type = nullptr;
    if (type_item == nullptr) {
        reading.problems.add(head, owner + " has no type", {"for example type = \"load\""});
    } else if (type_item->kind != Item::Kind::text) {
        reading.problems.add(type_item->place, owner + ": \"type\" must be a text");
    } else {
        node.type = type_item->text;
        type = reading.registry.find(Kind::node, node.type);
        if (type == nullptr)
            reading.problems.add(type_item->place,
                                 fmt::format("{}: no node type \"{}\"", owner, node.type),
                                 reading.type_notes(Kind::node, node.type));
    }
    for (const Item::Entry& own : entry.value.table) {
        const Item& value = own.value;
        if (own.key == "type") continue;
        if (own.key == "in") {
            read_inputs(reading, value, owner, type, node, places);
        } else if (own.key == "doc") {
            if (value.kind != Item::Kind::text)
                reading.problems.add(value.place, owner + ": \"doc\" must be a text");
            node.doc = value.text;
        } else if (own.key == "model" && (type == nullptr || type->model)) {
            std::vector<std::string> known;
            for (const ModelSpec& model : models) known.push_back(model.name);
            node.model = value.text;
            if (value.kind != Item::Kind::text)
                reading.problems.add(value.place, owner + ": \"model\" must be a model's name");
            else if (std::find(known.begin(), known.end(), node.model) == known.end())
                reading.problems.add(value.place,
                                     fmt::format("{}: there is no model \"{}\"", owner, node.model),
                                     notes_for(node.model, known, "known models"));
        } else if (type != nullptr) {
            std::vector<std::string> reserved{"type", "in", "doc"};
            if (type->model) reserved.push_back("model");
            const auto* parameter =
                find_parameter(*type, own, owner, reading.registry, reading.problems, reserved);
            Setting setting;
            if (parameter && read_value(value, *parameter, owner, reading.problems, setting) &&
                !is_default(setting, *parameter))
                node.settings.push_back(std::move(setting));
        }
    }
    if (type == nullptr) return;
    node.sink = type->outputs.empty();
    for (const auto& parameter : type->parameters) {
        if (!must_be_given(parameter) || entry.value.find(parameter.name) != nullptr) continue;
        if (reading.outputs == Outputs::left_out && names_output(node, parameter.name))
            node.settings.push_back({parameter.name, {}, {}, parameter.kind});
        else
            reading.problems.add(
                head, fmt::format("{}: {} needs \"{}\"", owner, type->type, parameter.name),
                {parameter.name + ": " + parameter.doc});
    }
    if (type->model == Need::required && node.model.empty() &&
        entry.value.find("model") == nullptr) {
        std::vector<std::string> notes;
        for (const ModelSpec& model : models)
            notes.push_back(fmt::format("write model = \"{}\"", model.name));
        if (notes.empty()) notes.push_back("add a [model.NAME] table");
        reading.problems.add(head, fmt::format("{}: {} needs a model", owner, type->type), notes);
    }
}

}  // namespace

void read_nodes(const Reading& reading, const std::vector<ModelSpec>& models,
                std::vector<NodeSpec>& nodes) {
    const Item* table = reading.document.find("node");
    if (table == nullptr || (table->kind == Item::Kind::table && table->table.empty())) {
        reading.problems.add({}, "there are no nodes",
                             {"add one, for example [node.data] with type = \"load\""});
        return;
    }
    for (const Item::Entry& entry : table->table) {
        if (entry.value.kind != Item::Kind::table) {
            reading.problems.add(entry.place, fmt::format("node \"{}\" must be a table", entry.key),
                                 {fmt::format("write [node.{}]", entry.key)});
            continue;
        }
        NodeSpec node;
        std::vector<Place> places;
        read_node(reading, entry, models, node, places);
        reading.references.push_back(std::move(places));
        nodes.push_back(std::move(node));
    }
}

}  // namespace narrows::language
