// The canonical text of a pipeline.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/language/language.hpp"

namespace narrows::language {
namespace {

std::string toml_text(std::string_view text) {
    std::string out = "\"";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (text.substr(i).starts_with("${")) out += '$';  // no variable
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            out += fmt::format("\\u{:04X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        else
            out += c;
    }
    return out + "\"";
}

std::string number(double value) {
    std::string text = fmt::format("{}", value);
    if (text.find_first_of(".en") == std::string::npos) text += ".0";
    return text;
}

// "folder/data.h5:/set@0:10" without the folder; the dataset's path stays.
std::string without_folder(std::string_view data) {
    const std::size_t colon = std::min(data.find(":/"), data.size());
    const std::size_t slash = data.substr(0, colon).rfind('/');
    return std::string(slash == std::string_view::npos ? data : data.substr(slash + 1));
}

std::string value_text(const Setting& setting, bool portable) {
    const Value& value = setting.value;
    const bool file = portable && setting.name.ends_with("file");
    switch (setting.kind) {
        case ParameterKind::integer:
            return std::to_string(value.integer);
        case ParameterKind::number:
            return number(value.number);
        case ParameterKind::flag:
            return value.flag ? "true" : "false";
        case ParameterKind::numbers: {
            std::string list;
            for (const double item : value.numbers) {
                const bool whole = std::abs(item) < 1e15 && item == std::trunc(item);
                list += (list.empty() ? "" : ", ") +
                        (whole ? std::to_string(static_cast<std::int64_t>(item)) : number(item));
            }
            return "[" + list + "]";
        }
        case ParameterKind::texts: {
            std::string list;
            for (const std::string& item : value.texts)
                list += (list.empty() ? "" : ", ") + toml_text(file ? without_folder(item) : item);
            return "[" + list + "]";
        }
        default:
            return toml_text(file ? without_folder(value.text) : value.text);
    }
}

std::string layers_text(const std::vector<LayerSpec>& layers) {
    std::string text = "[\n";
    for (const LayerSpec& layer : layers) {
        text += "    { type = " + toml_text(layer.type);
        for (const Setting& setting : layer.settings)
            text += ", " + setting.name + " = " + value_text(setting, false);
        text += " },\n";
    }
    return text + "]";
}

}  // namespace

std::string write(const Pipeline& pipeline, bool portable) {
    const RunSpec standard;
    std::string out = "schema = 1\n\n[run]\n";
    const RunSpec& run = pipeline.run;
    out += fmt::format("mode = \"{}\"\n", run.mode == Mode::train ? "train" : "stream");
    if (run.seed != standard.seed) out += fmt::format("seed = {}\n", run.seed);
    if (run.epochs != standard.epochs) out += fmt::format("epochs = {}\n", run.epochs);
    if (run.in_flight != standard.in_flight && !portable)
        out += fmt::format("in_flight = {}\n", run.in_flight);
    if (run.shards != standard.shards) out += fmt::format("shards = {}\n", run.shards);
    if (run.patience != standard.patience) out += fmt::format("patience = {}\n", run.patience);
    for (const ModelSpec& model : pipeline.models) {
        out += fmt::format("\n[model.{}]\n", model.name);
        if (model.type != ModelSpec{}.type)
            out += fmt::format("type = {}\n", toml_text(model.type));
        if (!model.file.empty())
            out += fmt::format("file = {}\n",
                               toml_text(portable ? without_folder(model.file) : model.file));
        if (model.input) out += fmt::format("input = {}\n", to_string(*model.input));
        if (!model.encoder.empty())
            out += fmt::format("encoder = {}\n", layers_text(model.encoder));
        if (model.mirror)
            out += "decoder = \"mirror\"\n";
        else if (!model.decoder.empty())
            out += fmt::format("decoder = {}\n", layers_text(model.decoder));
        for (const Setting& setting : model.settings)
            out += fmt::format("{} = {}\n", setting.name, value_text(setting, portable));
    }
    for (const NodeSpec& node : pipeline.nodes) {
        out += fmt::format("\n[node.{}]\ntype = {}\n", node.id, toml_text(node.type));
        if (!node.doc.empty() && !portable) out += fmt::format("doc = {}\n", toml_text(node.doc));
        if (!node.model.empty()) out += fmt::format("model = {}\n", toml_text(node.model));
        std::vector<std::string> written;
        for (const Connection& connection : node.inputs) {
            if (std::find(written.begin(), written.end(), connection.port) != written.end())
                continue;
            written.push_back(connection.port);
            std::vector<std::string> references;
            for (const Connection& other : node.inputs)
                if (other.port == connection.port)
                    references.push_back(toml_text(other.from_node + "." + other.from_port));
            out += fmt::format("in.{} = ", connection.port);
            out += references.size() == 1 ? references[0] + "\n"
                                          : fmt::format("[{}]\n", fmt::join(references, ", "));
        }
        for (const Setting& setting : node.settings) {
            if (portable && names_output(node, setting.name)) continue;
            out += fmt::format("{} = {}\n", setting.name, value_text(setting, portable));
        }
    }
    for (const StageSpec& stage : pipeline.stages) {
        out += "\n[[stage]]\n";
        if (!stage.name.empty()) out += fmt::format("name = {}\n", toml_text(stage.name));
        if (!stage.model.empty()) out += fmt::format("model = {}\n", toml_text(stage.model));
        out += fmt::format("epochs = {}\n", stage.epochs);
        const auto texts = [&](std::string_view key, const std::vector<std::string>& values) {
            if (values.empty()) return;
            std::vector<std::string> list;
            for (const std::string& value : values) list.push_back(toml_text(value));
            out += fmt::format("{} = [{}]\n", key, fmt::join(list, ", "));
        };
        texts("train", stage.train);
        texts("freeze", stage.freeze);
        for (const auto& [id, setting] : stage.changes)
            out +=
                fmt::format("node.{}.{} = {}\n", id, setting.name, value_text(setting, portable));
    }
    return out;
}

}  // namespace narrows::language
