// --set PATH=VALUE: changes to the tree before anything is checked.
#include <algorithm>

#include "pipeline/language/document.hpp"

namespace narrows::language {
namespace {

std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= path.size();) {
        const std::size_t dot = std::min(path.find('.', at), path.size());
        parts.emplace_back(path.substr(at, dot - at));
        at = dot + 1;
    }
    return parts;
}

// One argument; places are columns in it, in characters.
class Override {
public:
    Override(const std::string& argument, Problems& problems)
        : argument_(argument), problems_(problems) {}

    void apply(Item& document) const {
        const std::size_t equals = argument_.find('=');
        if (equals == std::string::npos || equals == 0) {
            problems_.add(at(0, argument_.size()), "expected PATH=VALUE",
                          {"for example --set node.noisy.sigma=0.5"});
            return;
        }
        Item* table = &document;
        std::size_t column = 0;
        const std::vector<std::string> path = split(std::string_view(argument_).substr(0, equals));
        for (std::size_t i = 0; i + 1 < path.size(); ++i) {
            table = step(*table, path[i], at(column, path[i].size()), i == 0);
            if (table == nullptr) return;
            column += path[i].size() + 1;
        }
        const Place key = at(column, path.back().size());
        if (!is_name(path.back())) {
            problems_.add(key, "expected a key before \"=\"",
                          {"for example --set node.noisy.sigma=0.5"});
            return;
        }
        Item item = value(equals + 1);
        if (Item* old = table->find(path.back()))
            *old = std::move(item);
        else
            table->table.push_back({path.back(), key, std::move(item)});
    }

private:
    Place at(std::size_t first, std::size_t bytes) const {
        const std::string_view text = argument_;
        return {{1, static_cast<std::uint32_t>(characters(text.substr(0, first)) + 1),
                 static_cast<std::uint32_t>(
                     std::max<std::size_t>(1, characters(text.substr(first, bytes))))},
                argument_};
    }

    // The table of this name; [run], [vars] and `in` may be new.
    Item* step(Item& table, const std::string& name, const Place& place, bool top) const {
        Item* next = table.find(name);
        if (next == nullptr &&
            ((top && (name == "run" || name == "vars")) || (!top && name == "in"))) {
            table.table.push_back({name, place, Item{}});
            next = &table.table.back().value;
            next->place = place;
        }
        if (next != nullptr && next->kind == Item::Kind::table) return next;
        std::vector<std::string> known;
        for (const Item::Entry& entry : table.table) known.push_back(entry.key);
        if (next == nullptr)
            problems_.add(place, "there is no \"" + name + "\" in this pipeline",
                          notes_for(name, known, "known names"));
        else
            problems_.add(place, "\"" + name + "\" is " + std::string(kind_name(next->kind)) +
                                     ", it has no keys");
        return nullptr;
    }

    Item value(std::size_t first) const {
        const std::string text = argument_.substr(first);
        const Place place = at(first, text.size());
        if (std::optional<Item> item = read_fragment(text, place)) return *std::move(item);
        Item item;  // digits.h5 needs no quotes
        item.kind = Item::Kind::text;
        item.text = text;
        item.place = place;
        return item;
    }

    const std::string& argument_;
    Problems& problems_;
};

}  // namespace

void apply_override(Item& document, const std::string& argument, Problems& problems) {
    Override(argument, problems).apply(document);
}

}  // namespace narrows::language
