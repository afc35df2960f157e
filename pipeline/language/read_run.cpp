#include <fmt/format.h>

#include "pipeline/language/tables.hpp"

namespace narrows::language {

void read_integer(const Reading& reading, const Item::Entry& entry, std::string_view owner,
                  std::int64_t low, std::int64_t high, std::int64_t& out) {
    if (entry.value.kind != Item::Kind::integer) {
        reading.problems.add(entry.value.place,
                             fmt::format("{}: \"{}\" must be an integer, found {}", owner,
                                         entry.key, kind_name(entry.value.kind)));
    } else if (entry.value.integer < low || entry.value.integer > high) {
        reading.problems.add(entry.value.place,
                             fmt::format("{}: \"{}\" must lie in [{}, {}], found {}", owner,
                                         entry.key, low, high, entry.value.integer));
    } else {
        out = entry.value.integer;
    }
}

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
            if (value.kind == Item::Kind::text && value.text == "train")
                run.mode = Mode::train;
            else if (value.kind == Item::Kind::text && value.text == "stream")
                run.mode = Mode::stream;
            else
                reading.problems.add(value.place, "[run]: \"mode\" must be \"stream\" or \"train\"",
                                     notes_for(value.text, {"stream", "train"}));
        } else if (entry.key == "seed") {
            std::int64_t seed = 1;
            read_integer(reading, entry, "[run]", 0, std::numeric_limits<std::int64_t>::max(),
                         seed);
            run.seed = static_cast<std::uint64_t>(seed);
        } else if (entry.key == "epochs") {
            read_integer(reading, entry, "[run]", 1, 1'000'000, run.epochs);
        } else if (entry.key == "in_flight") {
            read_integer(reading, entry, "[run]", 1, 4096, run.in_flight);
        } else if (entry.key == "shards") {
            read_integer(reading, entry, "[run]", 1, 4096, run.shards);
        } else if (entry.key == "patience") {
            read_integer(reading, entry, "[run]", 0, most, run.patience);
        } else {
            reading.problems.add(
                entry.place, fmt::format("[run] has no key \"{}\"", entry.key),
                notes_for(entry.key, {"mode", "seed", "epochs", "in_flight", "shards", "patience"},
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

}  // namespace narrows::language
