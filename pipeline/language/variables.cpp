// ${name} in texts. One rule: a variable's text is taken as it stands, so that no order matters.
#include "pipeline/language/document.hpp"

namespace narrows::language {
namespace {

class Variables {
public:
    Variables(const Item* vars, Problems& problems) : vars_(vars), problems_(problems) {}

    void replace(Item& item) const {
        for (Item& element : item.array) replace(element);
        for (Item::Entry& entry : item.table) replace(entry.value);
        if (item.kind != Item::Kind::text) return;
        for (std::size_t at = 0; (at = item.text.find("${", at)) != std::string::npos;) {
            if (at > 0 && item.text[at - 1] == '$') {  // $${ is ${
                item.text.erase(at - 1, 1);
                at += 1;
                continue;
            }
            const std::size_t end = item.text.find('}', at);
            if (end == std::string::npos) {
                problems_.add(item.place, "\"${\" is not closed",
                              {"write ${name}, or $${ for ${ itself"});
                return;
            }
            const std::string* text = find(item.text.substr(at + 2, end - at - 2), item.place);
            if (text == nullptr) return;
            item.text.replace(at, end + 1 - at, *text);
            at += text->size();
        }
    }

private:
    const std::string* find(const std::string& name, const Place& place) const {
        const Item* value = vars_ ? vars_->find(name) : nullptr;
        if (value != nullptr && value->kind == Item::Kind::text) return &value->text;
        if (value != nullptr) {
            problems_.add(place,
                          "\"" + name + "\" in [vars] is " + std::string(kind_name(value->kind)) +
                              ", only texts can be used",
                          {"write " + name + " = \"...\" in [vars]"});
            return nullptr;
        }
        std::vector<std::string> known;
        if (vars_)
            for (const Item::Entry& entry : vars_->table) known.push_back(entry.key);
        std::vector<std::string> notes = notes_for(name, known, "known variables");
        if (notes.empty())
            notes = {"add [vars] with " + name + " = \"...\", or write $${ for ${ itself"};
        problems_.add(place, "[vars] has no text \"" + name + "\"", std::move(notes));
        return nullptr;
    }

    const Item* vars_;
    Problems& problems_;
};

// A variable that names another would depend on an order.
void check_vars(Item& vars, Problems& problems) {
    for (Item::Entry& entry : vars.table) {
        if (!is_name(entry.key))
            problems.add(entry.place, "a variable's name holds letters, digits, _ and - only");
        std::string& text = entry.value.text;
        if (entry.value.kind != Item::Kind::text) continue;
        for (std::size_t at = 0; (at = text.find("${", at)) != std::string::npos; ++at) {
            if (at > 0 && text[at - 1] == '$') {
                text.erase(at - 1, 1);
                continue;
            }
            problems.add(entry.value.place, "a variable cannot use another",
                         {"write its text out, or $${ for ${ itself"});
            break;
        }
    }
}

}  // namespace

void replace_variables(Item& document, Problems& problems) {
    Item* vars = document.find("vars");
    if (vars != nullptr) check_vars(*vars, problems);
    const Variables variables(vars, problems);
    for (Item::Entry& entry : document.table)
        if (entry.key != "vars") variables.replace(entry.value);
}

}  // namespace narrows::language
