// A TOML text as a tree of our own: tables in the order of the text, every key and value with its
// place. One rule: only document.cpp knows the TOML library.
#pragma once

#include "pipeline/language/language.hpp"

namespace narrows::language {

// In the text, or in a --set argument.
struct Place {
    Position position;
    std::string argument;
};

struct Item {
    enum class Kind : std::uint8_t { text, integer, number, flag, array, table, other };
    struct Entry;
    Kind kind = Kind::table;
    std::string text;
    std::int64_t integer = 0;
    double number = 0;
    bool flag = false;
    std::vector<Item> array;
    std::vector<Entry> table;  // in file order
    Place place;

    const Item* find(std::string_view key) const;
    Item* find(std::string_view key);
};
struct Item::Entry {
    std::string key;
    Place place;  // of the key
    Item value;
};
std::string_view kind_name(Item::Kind kind);  // "a text", "an integer", ...

// Collects what is wrong in a level; throws it all at once.
class Problems {
public:
    Problems(std::string_view source, std::string_view text) : source_(source), text_(text) {}
    void add(const Place& place, std::string text, std::vector<std::string> notes = {});
    bool any() const { return !found_.empty(); }
    void throw_if_any();

private:
    std::string source_, text_;
    std::vector<Diagnostic> found_;
};

// Throws PipelineError on a syntax error.
Item read_document(std::string_view text, std::string_view source);
// A value as TOML writes it, "[1, 2]", standing at `place`; none if it is not TOML.
std::optional<Item> read_fragment(std::string_view value, const Place& place);
// "node.noisy.sigma=0.5" into the tree; the value is TOML, or else a plain text.
void apply_override(Item& document, const std::string& argument, Problems& problems);
// Replaces ${name} in all texts by [vars], and $${ by ${.
void replace_variables(Item& document, Problems& problems);

// A line of a text, from 1 on, without its end; empty behind the last.
std::string_view line_of(std::string_view text, std::uint32_t number);
// Length in characters of UTF-8, as places count.
std::size_t characters(std::string_view text);
// Letters, digits, _ and -: what a reference, a path of --set and a bare key of TOML can hold.
bool is_name(std::string_view text);

// A "did you mean" note, or what there is: "= known nodes: a, b".
std::vector<std::string> notes_for(std::string_view name, const std::vector<std::string>& known,
                                   std::string_view what = {});

}  // namespace narrows::language
