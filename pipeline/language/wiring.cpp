// The third level: every reference meets an output of the right kind, nothing goes in circles.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "pipeline/language/tables.hpp"

namespace narrows::language {
namespace {

std::string_view first_word(std::string_view type) {
    return type.substr(0, type.find_first_of(" ["));
}

class Wiring {
public:
    Wiring(const Reading& reading, Pipeline& pipeline) : reading_(reading), pipeline_(pipeline) {
        for (NodeSpec& node : pipeline.nodes) nodes_[node.id] = &node;
    }

    void check() {
        for (std::size_t n = 0; n < pipeline_.nodes.size(); ++n)
            for (std::size_t i = 0; i < pipeline_.nodes[n].inputs.size(); ++i)
                check(pipeline_.nodes[n], pipeline_.nodes[n].inputs[i], reading_.references[n][i]);
        for (const NodeSpec& node : pipeline_.nodes) check_needs(node);
        find_cycles();
        const auto any = [&](auto holds) {
            return std::any_of(pipeline_.nodes.begin(), pipeline_.nodes.end(), holds);
        };
        if (!any([&](const NodeSpec& node) { return type_of(node).source; }))
            reading_.problems.add({}, "no node brings samples",
                                  {"add one, for example of type \"load\""});
        else if (!any([&](const NodeSpec& node) { return !type_of(node).inputs.empty(); }))
            reading_.problems.add({}, "nothing reads the samples",
                                  {"add a node with in.PORT = \"NODE.PORT\""});
        if (!reading_.problems.any()) warn();
    }

private:
    const registry::TypeInfo& type_of(const NodeSpec& node) const {
        return *reading_.registry.find(Kind::node, node.type);
    }
    Place place_of(const NodeSpec& node) const { return {node.position, {}}; }

    void check(NodeSpec& node, Connection& connection, const Place& place) {
        const std::string owner =
            fmt::format("node \"{}\": input \"{}\"", node.id, connection.port);
        const auto from = nodes_.find(connection.from_node);
        if (from == nodes_.end()) {
            std::vector<std::string> known;
            for (const auto& [id, other] : nodes_) known.push_back(id);
            std::vector<std::string> notes = notes_for(connection.from_node, known);
            if (notes.empty()) notes = notes_for("", known, "known nodes");
            reading_.problems.add(place,
                                  fmt::format("{} reads from \"{}\", which is not in this file",
                                              owner, connection.from_node),
                                  notes);
            return;
        }
        const registry::TypeInfo& type = type_of(*from->second);
        std::vector<std::string> known;
        for (const auto& output : type.outputs) known.push_back(output.name);
        if (connection.from_port.empty()) {
            if (known.size() != 1) {
                reading_.problems.add(
                    place,
                    known.empty() ? fmt::format("{} reads from \"{}\", which has no outputs", owner,
                                                from->first)
                                  : fmt::format("{} reads from \"{}\", which has several outputs",
                                                owner, from->first),
                    known.empty() ? std::vector<std::string>{} : notes_for("", known, "name one"));
                return;
            }
            connection.from_port = known.front();
        }
        const registry::PortInfo* output = type.output(connection.from_port);
        if (output == nullptr) {
            std::vector<std::string> notes = notes_for(connection.from_port, known, "its outputs");
            if (known.empty()) notes = {type.type + " has no outputs"};
            reading_.problems.add(place,
                                  fmt::format("{} reads \"{}\", but {} has no such output", owner,
                                              connection.from_port, type.type),
                                  notes);
            return;
        }
        const registry::PortInfo& input = *type_of(node).input(connection.port);
        if (first_word(input.type) != first_word(output->type))
            reading_.problems.add(place,
                                  fmt::format("{} takes {}, but \"{}.{}\" gives {}", owner,
                                              input.type, from->first, output->name, output->type),
                                  other_end(*from->second, *output, input));
    }

    // Where the output stands, and which of its siblings would fit.
    std::vector<std::string> other_end(const NodeSpec& from, const registry::PortInfo& output,
                                       const registry::PortInfo& input) const {
        std::vector<std::string> notes{fmt::format(
            "{}:{}:{}: node \"{}\", {}: output \"{}\", {}", pipeline_.source, from.position.line,
            from.position.column, from.id, from.type, output.name, output.doc)};
        std::vector<std::string> fitting;
        for (const auto& sibling : type_of(from).outputs)
            if (first_word(sibling.type) == first_word(input.type))
                fitting.push_back(from.id + "." + sibling.name);
        for (std::string& note : notes_for("", fitting, "would fit"))
            notes.push_back(std::move(note));
        return notes;
    }

    void check_needs(const NodeSpec& node) {
        for (const registry::PortInfo& port : type_of(node).inputs) {
            const bool connected = std::any_of(
                node.inputs.begin(), node.inputs.end(),
                [&](const Connection& connection) { return connection.port == port.name; });
            if (!connected && port.need != Need::optional)
                reading_.problems.add(
                    place_of(node),
                    fmt::format("node \"{}\": input \"{}\" is not connected", node.id, port.name),
                    {fmt::format("write in.{} = \"NODE.PORT\" ({}: {})", port.name, port.type,
                                 port.doc)});
        }
    }

    // Depth first; a node met again while it is open closes a cycle. Each is told once.
    void visit(const NodeSpec& node, std::vector<const NodeSpec*>& open) {
        State& state = states_[&node];
        if (state == State::done) return;
        if (state == State::open) {
            std::string path;
            for (auto step = std::find(open.begin(), open.end(), &node); step != open.end(); ++step)
                path += (*step)->id + " <- ";
            reading_.problems.add(
                place_of(node),
                fmt::format("nodes read from each other in a circle: {}{}", path, node.id));
            return;
        }
        state = State::open;
        open.push_back(&node);
        for (const Connection& connection : node.inputs)
            if (const auto from = nodes_.find(connection.from_node); from != nodes_.end())
                visit(*from->second, open);
        open.pop_back();
        state = State::done;
    }
    void find_cycles() {
        std::vector<const NodeSpec*> open;
        for (const NodeSpec& node : pipeline_.nodes) visit(node, open);
    }

    // A node whose outputs nobody reads and that leaves nothing behind; a model that nobody binds.
    void warn() {
        std::vector<std::pair<Position, std::string>> found;
        for (const NodeSpec& node : pipeline_.nodes) {
            const registry::TypeInfo& type = type_of(node);
            if (type.outputs.empty() || type.updates_model) continue;
            const bool scalar =
                std::any_of(type.outputs.begin(), type.outputs.end(),
                            [](const auto& port) { return first_word(port.type) == "scalar"; });
            if (!scalar && !read_from(node))
                found.emplace_back(node.position,
                                   fmt::format("nothing reads from node \"{}\"", node.id));
        }
        for (const ModelSpec& model : pipeline_.models)
            if (!bound(model))
                found.emplace_back(model.position,
                                   fmt::format("no node uses model \"{}\"", model.name));
        std::stable_sort(found.begin(), found.end(),
                         [](const auto& a, const auto& b) { return a.first.line < b.first.line; });
        for (const auto& [position, text] : found)
            pipeline_.warnings.push_back(fmt::format("{}:{}:{}: warning: {}", pipeline_.source,
                                                     position.line, position.column, text));
    }
    bool read_from(const NodeSpec& node) const {
        for (const NodeSpec& other : pipeline_.nodes)
            for (const Connection& connection : other.inputs)
                if (connection.from_node == node.id) return true;
        return false;
    }
    bool bound(const ModelSpec& model) const {
        return std::any_of(
            pipeline_.nodes.begin(), pipeline_.nodes.end(), [&](const NodeSpec& node) {
                return node.model == model.name ||
                       (type_of(node).model && node.model.empty() && pipeline_.models.size() == 1);
            });
    }

    enum class State : std::uint8_t { fresh, open, done };
    const Reading& reading_;
    Pipeline& pipeline_;
    std::map<std::string, NodeSpec*> nodes_;
    std::map<const NodeSpec*, State> states_;
};

}  // namespace

void check_wiring(const Reading& reading, Pipeline& pipeline) {
    Wiring(reading, pipeline).check();
}

}  // namespace narrows::language
