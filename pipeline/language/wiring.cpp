// The third level: every reference meets an output of the right kind, nothing goes in circles.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "pipeline/language/tables.hpp"

namespace narrows::language {
namespace {

std::string_view first_word(std::string_view type) { return type.substr(0, type.find_first_of(" [")); }

class Wiring {
public:
    Wiring(const Reading& reading, Pipeline& pipeline) : reading_(reading), pipeline_(pipeline) {
        for (NodeSpec& node : pipeline.nodes) nodes_[node.id] = &node;
    }

    void check() {
        for (NodeSpec& node : pipeline_.nodes)
            for (Connection& connection : node.inputs) check(node, connection);
        for (const NodeSpec& node : pipeline_.nodes) check_needs(node);
        if (!reading_.problems.any()) find_cycle();
        if (reading_.problems.any()) return;
        const bool source = std::any_of(pipeline_.nodes.begin(), pipeline_.nodes.end(),
                                        [&](const NodeSpec& node) { return type_of(node).source; });
        if (!source) reading_.problems.add({}, "no node brings samples", {"add one of type \"load\""});
        warn();
    }

private:
    const registry::TypeInfo& type_of(const NodeSpec& node) const {
        return *reading_.registry.find(Kind::node, node.type);
    }
    Place place_of(const NodeSpec& node) const { return {node.position, {}}; }

    void check(NodeSpec& node, Connection& connection) {
        const Place place{connection.position, {}};
        const std::string owner = fmt::format("node \"{}\": input \"{}\"", node.id, connection.port);
        const auto from = nodes_.find(connection.from_node);
        if (from == nodes_.end()) {
            std::vector<std::string> known;
            for (const auto& [id, other] : nodes_)
                known.push_back(id);
            std::vector<std::string> notes = notes_for(connection.from_node, known);
            if (notes.empty()) notes = notes_for("", known, "known nodes");
            reading_.problems.add(place, fmt::format("{} reads from \"{}\", which is not in this file", owner,
                                                     connection.from_node), notes);
            return;
        }
        const registry::TypeInfo& type = type_of(*from->second);
        std::vector<std::string> known;
        for (const auto& output : type.outputs) known.push_back(output.name);
        if (connection.from_port.empty()) {
            if (known.size() != 1) {
                reading_.problems.add(
                    place, known.empty() ? fmt::format("{} reads from \"{}\", which has no outputs", owner, from->first)
                                         : fmt::format("{} reads from \"{}\", which has several outputs", owner, from->first),
                    known.empty() ? std::vector<std::string>{} : notes_for("", known, "name one"));
                return;
            }
            connection.from_port = known.front();
        }
        const registry::PortInfo* output = type.output(connection.from_port);
        if (output == nullptr) {
            std::vector<std::string> notes = notes_for(connection.from_port, known, "its outputs");
            if (known.empty()) notes = {type.type + " has no outputs"};
            reading_.problems.add(place, fmt::format("{} reads \"{}\", but {} has no such output", owner,
                                                     connection.from_port, type.type), notes);
            return;
        }
        const registry::PortInfo& input = *type_of(node).input(connection.port);
        if (first_word(input.type) != first_word(output->type))
            reading_.problems.add(place, fmt::format("{} takes {}, but \"{}.{}\" gives {}", owner, input.type,
                                                     from->first, output->name, output->type));
    }

    void check_needs(const NodeSpec& node) {
        for (const registry::PortInfo& port : type_of(node).inputs) {
            const bool connected =
                std::any_of(node.inputs.begin(), node.inputs.end(),
                            [&](const Connection& connection) { return connection.port == port.name; });
            if (!connected && port.need != Need::optional)
                reading_.problems.add(place_of(node),
                                      fmt::format("node \"{}\": input \"{}\" is not connected", node.id, port.name),
                                      {fmt::format("write in.{} = \"NODE.PORT\" ({}: {})", port.name, port.type, port.doc)});
        }
    }

    // Depth first; a node met again while it is open closes a cycle.
    bool visit(const NodeSpec& node, std::vector<const NodeSpec*>& open) {
        if (done_[&node]) return false;
        if (const auto at = std::find(open.begin(), open.end(), &node); at != open.end()) {
            std::string path;
            for (auto step = at; step != open.end(); ++step) path += (*step)->id + " <- ";
            reading_.problems.add(place_of(node), fmt::format("nodes read from each other in a circle: {}{}", path, node.id));
            return true;
        }
        open.push_back(&node);
        for (const Connection& connection : node.inputs)
            if (visit(*nodes_.at(connection.from_node), open)) return true;
        open.pop_back();
        done_[&node] = true;
        return false;
    }
    void find_cycle() {
        for (const NodeSpec& node : pipeline_.nodes) {
            std::vector<const NodeSpec*> open;
            if (visit(node, open)) return;
        }
    }

    // A node whose outputs nobody reads and that leaves nothing behind.
    void warn() {
        for (const NodeSpec& node : pipeline_.nodes) {
            const registry::TypeInfo& type = type_of(node);
            if (type.outputs.empty() || type.updates_model) continue;
            const bool scalar = std::any_of(type.outputs.begin(), type.outputs.end(), [](const auto& port) {
                return first_word(port.type) == "scalar";
            });
            bool read = scalar;
            for (const NodeSpec& other : pipeline_.nodes)
                for (const Connection& connection : other.inputs)
                    if (connection.from_node == node.id) read = true;
            if (!read)
                pipeline_.warnings.push_back(fmt::format("{}:{}:{}: warning: nothing reads from node \"{}\"",
                                                         pipeline_.source, node.position.line,
                                                         node.position.column, node.id));
        }
    }

    const Reading& reading_;
    Pipeline& pipeline_;
    std::map<std::string, NodeSpec*> nodes_;
    std::map<const NodeSpec*, bool> done_;
};

}  // namespace

void check_wiring(const Reading& reading, Pipeline& pipeline) { Wiring(reading, pipeline).check(); }

}  // namespace narrows::language
