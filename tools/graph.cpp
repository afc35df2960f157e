#include <algorithm>
#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pipeline/storage/array_file.hpp"
#include "tools/console.hpp"
#include "tools/model_facts.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/text_file.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

struct Times {
    double seconds = 0, waiting_share = 0;
};
using TimesOf = std::map<std::string, Times>;

// What an earlier run's --stats wrote.
TimesOf read_times(const std::string& path) {
    TimesOf times;
    if (path.empty()) return times;
    try {
        const nlohmann::json stats = nlohmann::json::parse(read_text(path));
        for (const auto& node : stats.at("nodes")) {
            const auto& waiting = node.at("waiting_share");
            times[node.at("id").get<std::string>()] = {
                node.at("seconds").get<double>(), waiting.is_number() ? waiting.get<double>() : 0};
        }
    } catch (const nlohmann::json::exception& error) {
        throw Error(Fault::input, fmt::format("\"{}\" is no --stats file: {}", path, error.what()),
                    "write one with narrows run FILE.toml --stats FILE.json");
    }
    return times;
}

// The drawing without shapes, for a pipeline whose files are not here.
flow::Drawing from_text(const language::Pipeline& pipeline, const registry::Registry& registry) {
    flow::Drawing drawing;
    for (const language::NodeSpec& node : pipeline.nodes) {
        drawing.nodes.push_back({node.id, node.type, node.model});
        for (const language::Connection& connection : node.inputs) {
            std::string type;
            for (const language::NodeSpec& from : pipeline.nodes) {
                if (from.id != connection.from_node) continue;
                const registry::TypeInfo* info = registry.find(Kind::node, from.type);
                const registry::PortInfo* port =
                    info ? info->output(connection.from_port) : nullptr;
                if (port != nullptr) type = port->type;
            }
            drawing.edges.push_back(
                {connection.from_node, connection.from_port, node.id, connection.port, type});
        }
    }
    return drawing;
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

std::string time_text(const TimesOf& times, const std::string& id) {
    const auto found = times.find(id);
    if (found == times.end()) return {};
    return fmt::format("{}, waiting {:.0f} %", duration_text(found->second.seconds),
                       100 * found->second.waiting_share);
}

std::string dot(const flow::Drawing& drawing, const TimesOf& times) {
    std::string text =
        "digraph pipeline {\n    rankdir = LR;\n    node [shape = box, fontname = sans];\n"
        "    edge [fontname = sans, fontsize = 10];\n";
    for (const auto& node : drawing.nodes) {
        std::string label = escaped(node.id) + "\\n" + escaped(node.type);
        if (!node.model.empty()) label += "\\n" + escaped(node.model);
        if (const std::string time = time_text(times, node.id); !time.empty())
            label += "\\n" + time;
        text += fmt::format("    \"{}\" [label = \"{}\"];\n", escaped(node.id), label);
    }
    for (const flow::Edge& edge : drawing.edges)
        text += fmt::format("    \"{}\" -> \"{}\" [label = \"{} {}\"];\n", escaped(edge.from_node),
                            escaped(edge.to_node), escaped(edge.to_port), escaped(edge.type));
    return text + "}\n";
}

// A node a line, and under it what it sends and who reads it.
std::string plain(const flow::Drawing& drawing, const TimesOf& times) {
    std::size_t width = 0;
    for (const auto& node : drawing.nodes) width = std::max(width, node.id.size());
    std::string text;
    for (const auto& [name, model] : drawing.models)
        text += fmt::format("model {}: {}\n", name, model);
    for (const auto& node : drawing.nodes) {
        text += fmt::format("{:<{}}  {}", node.id, width, node.type);
        if (!node.model.empty()) text += fmt::format("  [{}]", node.model);
        if (const std::string time = time_text(times, node.id); !time.empty()) text += "  " + time;
        text += '\n';
        std::vector<std::string> ports;
        for (const flow::Edge& edge : drawing.edges)
            if (edge.from_node == node.id &&
                std::find(ports.begin(), ports.end(), edge.from_port) == ports.end())
                ports.push_back(edge.from_port);
        for (const std::string& port : ports) {
            std::string readers, type;
            for (const flow::Edge& edge : drawing.edges) {
                if (edge.from_node != node.id || edge.from_port != port) continue;
                readers +=
                    fmt::format("{}{}.{}", readers.empty() ? "" : ", ", edge.to_node, edge.to_port);
                type = edge.type;
            }
            text += fmt::format("{:<{}}    {} {} -> {}\n", "", width, port, type, readers);
        }
    }
    if (drawing.memory_bound > 0)
        text +=
            fmt::format("memory bound {}\n", bytes_text(static_cast<double>(drawing.memory_bound)));
    return text;
}

}  // namespace

int graph(CommandLine& line) {
    std::string file, format = "text";
    line.positional("FILE", file, "a pipeline, or a file that narrows wrote");
    line.choice("--format", format, {"text", "dot"}, "text or dot");
    line.parse();
    const Common& common = line.common();
    const bool stored = file != "-" && storage::is_hdf5(file);
    const PipelineJob job{
        "graph", stored ? stored_pipeline(file) : read_text(file), file, {}, ResultsAre::data,
        true};
    const recipes::Session session = make_session(common);
    const TimesOf times = read_times(common.stats);
    with_places(job, [&] {
        const language::Pipeline pipeline =
            session.parse(job.text, job.source, common.sets,
                          stored ? language::Outputs::left_out : language::Outputs::named);
        flow::Drawing drawing;
        try {
            drawing = session.inspect(pipeline, {});
        } catch (const Error& error) {
            if (error.fault() != Fault::input && !stored) throw;
            detail(common, fmt::format("drawn without shapes: {}", error.what()));
            drawing = from_text(pipeline, session.registry());
        }
        fmt::print("{}", format == "dot" ? dot(drawing, times) : plain(drawing, times));
    });
    return 0;
}

}  // namespace narrows::tools
