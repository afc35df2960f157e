#include <fmt/format.h>

#include "pipeline/language/tables.hpp"

namespace narrows::language {
namespace {

void read_integer(const Reading& reading, const Item::Entry& entry, std::int64_t low, std::int64_t high,
                  std::int64_t& out) {
    if (entry.value.kind != Item::Kind::integer) {
        reading.problems.add(entry.value.place,
                             fmt::format("[run]: \"{}\" must be an integer, found {}", entry.key,
                                         kind_name(entry.value.kind)));
    } else if (entry.value.integer < low || entry.value.integer > high) {
        reading.problems.add(entry.value.place,
                             fmt::format("[run]: \"{}\" must lie in [{}, {}], found {}", entry.key, low,
                                         high, entry.value.integer));
    } else {
        out = entry.value.integer;
    }
}

bool read_texts(const Item& item, std::vector<std::string>& out) {
    if (item.kind != Item::Kind::array) return false;
    for (const Item& element : item.array) {
        if (element.kind != Item::Kind::text) return false;
        out.push_back(element.text);
    }
    return true;
}

}  // namespace

void read_run(const Reading& reading, RunSpec& run) {
    const Item* table = reading.document.find("run");
    if (table == nullptr || table->kind != Item::Kind::table) {
        if (table == nullptr)
            reading.problems.add({}, "there is no [run] table",
                                 {"write [run] with mode = \"stream\" or mode = \"train\""});
        return;
    }
    constexpr std::int64_t most = std::int64_t{1} << 40;
    bool mode = false;
    for (const Item::Entry& entry : table->table) {
        const Item& value = entry.value;
        if (entry.key == "mode") {
            mode = true;
            if (value.kind == Item::Kind::text && value.text == "train") run.mode = Mode::train;
            else if (value.kind == Item::Kind::text && value.text == "stream") run.mode = Mode::stream;
            else
                reading.problems.add(value.place, "[run]: \"mode\" must be \"stream\" or \"train\"",
                                     notes_for(value.text, {"stream", "train"}));
        } else if (entry.key == "seed") {
            std::int64_t seed = 1;
            read_integer(reading, entry, 0, std::numeric_limits<std::int64_t>::max(), seed);
            run.seed = static_cast<std::uint64_t>(seed);
        } else if (entry.key == "epochs") {
            read_integer(reading, entry, 1, 1'000'000, run.epochs);
        } else if (entry.key == "in_flight") {
            read_integer(reading, entry, 1, 4096, run.in_flight);
        } else if (entry.key == "shards") {
            read_integer(reading, entry, 1, 4096, run.shards);
        } else if (entry.key == "patience") {
            read_integer(reading, entry, 0, most, run.patience);
        } else {
            reading.problems.add(entry.place, fmt::format("[run] has no key \"{}\"", entry.key),
                                 notes_for(entry.key,
                                           {"mode", "seed", "epochs", "in_flight", "shards", "patience"},
                                           "known keys"));
        }
    }
    if (!mode) {
        Place place = table->place;
        place.position.length = 5;
        reading.problems.add(place, "[run] does not say its mode",
                             {"write mode = \"stream\" or mode = \"train\""});
    }
}

void read_stages(const Reading& reading, const std::vector<NodeSpec>& nodes,
                 std::vector<StageSpec>& stages) {
    const Item* list = reading.document.find("stage");
    if (list == nullptr || list->kind != Item::Kind::array) return;
    for (const Item& table : list->array) {
        StageSpec stage;
        stage.position = table.place.position;
        if (table.kind != Item::Kind::table) {
            reading.problems.add(table.place, "a stage must be a table", {"write [[stage]]"});
            continue;
        }
        for (const Item::Entry& entry : table.table) {
            const auto wrong = [&](std::string_view expected) {
                reading.problems.add(entry.value.place,
                                     fmt::format("[[stage]]: \"{}\" must be {}, found {}", entry.key,
                                                 expected, kind_name(entry.value.kind)));
            };
            if (entry.key == "name") {
                if (entry.value.kind != Item::Kind::text) wrong("a text");
                stage.name = entry.value.text;
            } else if (entry.key == "epochs") {
                read_integer(reading, entry, 1, 1'000'000, stage.epochs);
            } else if (entry.key == "train") {
                if (!read_texts(entry.value, stage.train)) wrong("a list of texts");
            } else if (entry.key == "freeze") {
                if (!read_texts(entry.value, stage.freeze)) wrong("a list of texts");
            } else if (entry.key == "node") {
                for (const Item::Entry& node : entry.value.table)
                    for (const Item::Entry& change : node.value.table) {
                        const NodeSpec* found = nullptr;
                        for (const NodeSpec& spec : nodes)
                            if (spec.id == node.key) found = &spec;
                        if (found == nullptr) {
                            reading.problems.add(node.place, fmt::format("[[stage]]: there is no node \"{}\"",
                                                                         node.key));
                            break;
                        }
                        const auto* type = reading.registry.find(Kind::node, found->type);
                        const auto* parameter = type ? type->parameter(change.key) : nullptr;
                        if (parameter == nullptr) {
                            reading.problems.add(change.place,
                                                 fmt::format("[[stage]]: {} has no parameter \"{}\"",
                                                             found->type, change.key));
                            continue;
                        }
                        Setting setting;
                        setting.name = change.key;
                        setting.kind = parameter->kind;
                        setting.position = change.value.place.position;
                        setting.value.integer = change.value.integer;
                        setting.value.number = change.value.number;
                        setting.value.flag = change.value.flag;
                        setting.value.text = change.value.text;
                        stage.changes.emplace_back(node.key, std::move(setting));
                    }
            } else {
                reading.problems.add(entry.place, fmt::format("[[stage]] has no key \"{}\"", entry.key),
                                     notes_for(entry.key, {"name", "epochs", "train", "freeze", "node"},
                                               "known keys"));
            }
        }
        stages.push_back(std::move(stage));
    }
}

}  // namespace narrows::language
