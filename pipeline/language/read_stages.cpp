// [[stage]]: epochs with their own choice of what trains, and with changed parameters.
#include <algorithm>

#include <fmt/format.h>

#include "pipeline/language/tables.hpp"
#include "pipeline/language/values.hpp"

namespace narrows::language {
namespace {

class StageReader {
public:
    StageReader(const Reading& reading, const Pipeline& pipeline, StageSpec& stage)
        : reading_(reading), pipeline_(pipeline), stage_(stage) {
        for (const ModelSpec& model : pipeline.models) models_.push_back(model.name);
        for (const NodeSpec& node : pipeline.nodes) nodes_.push_back(node.id);
    }

    void read(const Item::Entry& entry) {
        if (entry.key == "name") {
            if (is(entry, Item::Kind::text)) stage_.name = entry.value.text;
        } else if (entry.key == "model") {
            if (is(entry, Item::Kind::text) && known_model(entry.value, entry.value.text))
                stage_.model = entry.value.text;
        } else if (entry.key == "epochs") {
            read_integer(reading_, entry, owner_, 1, 1'000'000, stage_.epochs);
        } else if (entry.key == "train") {
            read_parts(entry, stage_.train);
        } else if (entry.key == "freeze") {
            read_parts(entry, stage_.freeze);
        } else if (entry.key == "node") {
            if (is(entry, Item::Kind::table))
                for (const Item::Entry& node : entry.value.table) read_changes(node);
        } else {
            reading_.problems.add(
                entry.place, fmt::format("{} has no key \"{}\"", owner_, entry.key),
                notes_for(entry.key, {"name", "model", "epochs", "train", "freeze", "node"},
                          "known keys"));
        }
    }

private:
    bool is(const Item::Entry& entry, Item::Kind kind) const {
        if (entry.value.kind == kind) return true;
        reading_.problems.add(entry.value.place,
                              fmt::format("{}: \"{}\" must be {}, found {}", owner_, entry.key,
                                          kind_name(kind), kind_name(entry.value.kind)));
        return false;
    }

    bool known_model(const Item& item, const std::string& name) const {
        if (std::find(models_.begin(), models_.end(), name) != models_.end()) return true;
        reading_.problems.add(item.place, fmt::format("{}: there is no model \"{}\"", owner_, name),
                              notes_for(name, models_, "known models"));
        return false;
    }

    // ["dae.encoder", "dae.decoder.0"]
    void read_parts(const Item::Entry& entry, std::vector<std::string>& parts) const {
        if (!is(entry, Item::Kind::array)) return;
        for (const Item& part : entry.value.array) {
            if (part.kind != Item::Kind::text)
                reading_.problems.add(part.place,
                                      fmt::format("{}: \"{}\" takes texts, found {}", owner_,
                                                  entry.key, kind_name(part.kind)),
                                      {"for example \"MODEL.encoder\""});
            else if (known_model(part, part.text.substr(0, part.text.find('.'))))
                parts.push_back(part.text);
        }
    }

    // node.noisy.sigma = 0.1
    void read_changes(const Item::Entry& entry) const {
        const auto node = std::find_if(pipeline_.nodes.begin(), pipeline_.nodes.end(),
                                       [&](const NodeSpec& spec) { return spec.id == entry.key; });
        if (node == pipeline_.nodes.end()) {
            reading_.problems.add(entry.place,
                                  fmt::format("{}: there is no node \"{}\"", owner_, entry.key),
                                  notes_for(entry.key, nodes_, "known nodes"));
            return;
        }
        const std::string who = fmt::format("{}: node \"{}\"", owner_, entry.key);
        if (entry.value.kind != Item::Kind::table) {
            reading_.problems.add(entry.value.place, who + " must be followed by a parameter",
                                  {fmt::format("write node.{}.PARAMETER = VALUE", entry.key)});
            return;
        }
        const registry::TypeInfo* type = reading_.registry.find(Kind::node, node->type);
        if (type == nullptr) return;  // reported at the node
        for (const Item::Entry& change : entry.value.table) {
            const auto* parameter =
                find_parameter(*type, change, who, reading_.registry, reading_.problems, {});
            Setting setting;
            if (parameter && read_value(change.value, *parameter, who, reading_.problems, setting))
                stage_.changes.emplace_back(entry.key, std::move(setting));
        }
    }

    static constexpr std::string_view owner_ = "[[stage]]";
    const Reading& reading_;
    const Pipeline& pipeline_;
    StageSpec& stage_;
    std::vector<std::string> models_, nodes_;
};

}  // namespace

void read_stages(const Reading& reading, const Pipeline& pipeline, std::vector<StageSpec>& stages) {
    const Item* list = reading.document.find("stage");
    if (list == nullptr || list->kind != Item::Kind::array) return;
    for (const Item& table : list->array) {
        if (table.kind != Item::Kind::table) {
            reading.problems.add(table.place, "a stage must be a table", {"write [[stage]]"});
            continue;
        }
        StageSpec stage;
        stage.position = table.place.position;
        StageReader reader(reading, pipeline, stage);
        for (const Item::Entry& entry : table.table) reader.read(entry);
        stages.push_back(std::move(stage));
    }
}

}  // namespace narrows::language
