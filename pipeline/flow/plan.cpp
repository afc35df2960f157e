#include "pipeline/flow/plan.hpp"

#include <algorithm>
#include <set>

#include "pipeline/flow/machine.hpp"
#include "pipeline/flow/opening.hpp"
#include "pipeline/language/language.hpp"

namespace narrows::flow {
namespace {

constexpr std::size_t line = 64;
std::size_t rounded(std::size_t bytes) {
    return (bytes + line - 1) / line * line;
}

Carry carry_of(std::string_view type) {
    const std::string_view word = type.substr(0, type.find_first_of(" ["));
    return word == "scalar" ? Carry::scalar : word == "event" ? Carry::event : Carry::tensor;
}
Type type_of_text(std::string_view type) {
    const std::string_view word = type.substr(0, type.find_first_of(" ["));
    return word == "f64"   ? Type::f64
           : word == "i64" ? Type::i64
           : word == "i32" ? Type::i32
           : word == "u8"  ? Type::u8
                           : Type::f32;
}
std::string_view text_of(Type type) {
    switch (type) {
        case Type::f64:
            return "f64";
        case Type::i64:
            return "i64";
        case Type::i32:
            return "i32";
        case Type::u8:
            return "u8";
        default:
            return "f32";
    }
}

std::uint32_t hash_of(std::string_view text) {  // FNV-1a
    std::uint32_t hash = 2166136261u;
    for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16777619u;
    return hash;
}

}  // namespace

const InputPlan* NodePlan::input(std::string_view name) const {
    for (const InputPlan& input : inputs)
        if (input.name == name) return &input;
    return nullptr;
}
const OutputPlan* NodePlan::output(std::string_view name) const {
    for (const OutputPlan& output : outputs)
        if (output.name == name) return &output;
    return nullptr;
}

void rethrow_for(const language::NodeSpec& spec, const Error& error, const std::string& when) {
    const Position at = error.position().line ? error.position() : spec.position;
    throw Error(error.fault(), "node \"" + spec.id + "\"" + when + ": " + error.what(),
                error.hint(), at);
}

Plan::Plan(const language::Pipeline& pipeline_, const registry::Registry& registry_,
           const Settings& settings_, const Part& part_, Models models_)
    : pipeline(pipeline_),
      registry(registry_),
      settings(settings_),
      part(part_),
      models(std::move(models_)) {
    if (pipeline.run.shards != 1)
        throw Error(
            Fault::usage,
            "shards = " + std::to_string(pipeline.run.shards) + " is not supported by this version",
            "leave shards out, or set it to 1");
    threads = settings.threads ? settings.threads : usable_threads();
    in_flight = pipeline.run.in_flight ? pipeline.run.in_flight
                : training()           ? 3
                                       : static_cast<std::int64_t>(threads) + 2;
    text = part.stage ? part.text : language::write(pipeline, true);
    if (models.empty()) build_models();
    order_and_make();
    wire();
    bind_models();
    assign_stages();
    open_nodes();
    if (part.stage != nullptr) choose_trained();
    plan_gradients();
    place_values();

    bound_memory();
}

Plan::~Plan() = default;

std::uint64_t Plan::steps_per_epoch() const {
    return batch > 0 ? static_cast<std::uint64_t>((samples + batch - 1) / batch) : 0;
}
std::int64_t Plan::packets_per_epoch() const {
    return batch > 0 ? (samples + batch - 1) / batch + (validation + batch - 1) / batch : 0;
}

// "ae.encoder.1" is part "encoder.1" of model "ae". A stage that names parts to train leaves all
// other models as they are.
void Plan::choose_trained() {
    const language::StageSpec& stage = *part.stage;
    for (const auto& [name, model] : models) {
        const auto parts_of = [&, &own = name](const std::vector<std::string>& all) {
            std::vector<std::string> parts;
            for (const std::string& part_text : all)
                if (part_text == own)
                    parts.emplace_back();
                else if (part_text.starts_with(own + "."))
                    parts.push_back(part_text.substr(own.size() + 1));
            return parts;
        };
        std::vector<std::string> train = parts_of(stage.train), freeze = parts_of(stage.freeze);
        const bool left_out = train.empty() && (!stage.train.empty() ||
                                                (!stage.model.empty() && stage.model != name));
        if (left_out) freeze.emplace_back();
        try {
            model->choose_trained(train, freeze);
        } catch (const Error& error) {
            throw Error(error.fault(), std::string("[[stage]]: ") + error.what(), error.hint(),
                        stage.position);
        }
    }
}

void Plan::build_models() {
    for (const ModelSpec& spec : pipeline.models) {
        auto made = registry.create(Kind::model, spec.type, spec.settings);
        auto* model = dynamic_cast<Model*>(made.get());
        if (model == nullptr)
            throw Error(Fault::plugin, "model type \"" + spec.type + "\" is not a model", {},
                        spec.position);
        made.release();
        models.emplace_back(spec.name, std::shared_ptr<Model>(model));
        try {
            model->build(spec, registry, pipeline.run.seed);
        } catch (const Error& error) {
            throw Error(error.fault(), error.what(), error.hint(),
                        error.position().line ? error.position() : spec.position);
        }
    }
}

// Sources first, then whatever has all its inputs, in file order.
void Plan::order_and_make() {
    const auto& specs = pipeline.nodes;
    std::vector<bool> placed(specs.size(), false);
    const auto ready = [&](const language::NodeSpec& spec) {
        return std::all_of(spec.inputs.begin(), spec.inputs.end(), [&](const auto& connection) {
            for (std::size_t i = 0; i < specs.size(); ++i)
                if (specs[i].id == connection.from_node) return bool(placed[i]);
            throw std::logic_error("node " + connection.from_node + " is not in the pipeline");
        });
    };
    const auto place = [&](std::size_t i) {
        const language::NodeSpec& spec = specs[i];
        NodePlan plan;
        plan.spec = &spec;
        plan.type = registry.find(Kind::node, spec.type);
        std::unique_ptr<Component> made;
        try {
            made = registry.create(Kind::node, spec.type, spec.settings);
        } catch (const Error& error) {
            rethrow_for(spec, error);
        }
        auto* node = dynamic_cast<Node*>(made.get());
        if (node == nullptr)
            throw Error(Fault::plugin, "node type \"" + spec.type + "\" is not a node", {},
                        spec.position);
        made.release();
        plan.node.reset(node);
        plan.key = {pipeline.run.seed, hash_of(spec.id)};
        nodes.push_back(std::move(plan));
        placed[i] = true;
    };
    for (std::size_t i = 0; i < specs.size(); ++i) {
        const auto* type = registry.find(Kind::node, specs[i].type);
        if (type != nullptr && type->source) place(i);
    }
    while (nodes.size() < specs.size()) {
        const std::size_t before = nodes.size();
        for (std::size_t i = 0; i < specs.size(); ++i)
            if (!placed[i] && ready(specs[i])) {
                place(i);
                break;
            }
        if (nodes.size() == before) throw std::logic_error("the pipeline has a cycle");
    }
}

std::size_t Plan::index_of(std::string_view id) const {
    for (std::size_t i = 0; i < nodes.size(); ++i)
        if (nodes[i].spec->id == id) return i;
    throw std::logic_error("no node " + std::string(id));
}

void Plan::wire() {
    for (NodePlan& node : nodes) {
        for (const registry::PortInfo& port : node.type->outputs) {
            OutputPlan output;
            output.name = port.name;
            output.carry = carry_of(port.type);
            output.type = type_of_text(port.type);
            if (output.carry == Carry::scalar) output.scalar = scalars++;
            node.outputs.push_back(std::move(output));
        }
        for (const registry::PortInfo& port : node.type->inputs) {
            InputPlan input;
            input.name = port.name;
            input.carry = carry_of(port.type);
            for (const language::Connection& connection : node.spec->inputs) {
                if (connection.port != port.name) continue;
                const std::size_t from = index_of(connection.from_node);
                const OutputPlan* output = nodes[from].output(connection.from_port);
                if (output == nullptr) throw std::logic_error("no output " + connection.from_port);
                input.origins.push_back(
                    {from, static_cast<std::size_t>(output - nodes[from].outputs.data())});
            }
            node.inputs.push_back(std::move(input));
        }
    }
}

void Plan::bind_models() {
    for (NodePlan& node : nodes) {
        const auto named = [&](const std::string& name) -> Model* {
            for (const auto& [own, model] : models)
                if (own == name) return model.get();
            return nullptr;
        };
        if (!node.spec->model.empty())
            node.model = named(node.spec->model);
        else if (node.type->model && models.size() == 1)
            node.model = models[0].second.get();
    }
}

void Plan::assign_stages() {
    if (!training()) return;
    bool updates = false;
    for (NodePlan& node : nodes) {
        Stage stage = node.type->updates_model ? Stage::update
                      : node.model != nullptr  ? Stage::forward
                                               : Stage::ahead;
        for (const InputPlan& input : node.inputs)
            for (const auto& origin : input.origins) {
                const Stage before = nodes[origin.node].stage;
                if (before == Stage::update || before == Stage::after) {
                    if (stage == Stage::update)
                        throw Error(Fault::usage,
                                    "node \"" + node.spec->id +
                                        "\" updates a model but reads from \"" +
                                        nodes[origin.node].spec->id + "\", which follows an update",
                                    "let both read their losses directly", node.spec->position);
                    stage = Stage::after;
                } else {
                    stage = std::max(stage, before);
                }
            }
        node.stage = stage;
        updates = updates || stage == Stage::update;
    }
    if (!updates)
        throw Error(Fault::usage, "mode is \"train\" but no node updates a model",
                    "add an optimiser, for example type = \"optimize.adam\"");
}

void Plan::open_nodes() {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        Opening context(*this, i);
        try {
            nodes[i].node->open(context);
        } catch (const Error& error) {
            rethrow_at_open(nodes[i], error);
        }
        if (nodes[i].type->source && samples < 0)
            throw std::logic_error("source " + nodes[i].spec->id + " opened no stream");
        for (OutputPlan& output : nodes[i].outputs)
            if (output.carry == Carry::tensor && output.enabled && !output.has_shape)
                throw Error(Fault::plugin, "node type \"" + nodes[i].spec->type +
                                               "\" gave its output \"" + output.name +
                                               "\" no shape");
    }
    if (samples < 0)
        throw Error(Fault::usage, "no node brings samples", "add one of type \"load\"");
    // Readers in wiring order, and who waits for whom.
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        std::set<std::size_t> before;
        for (std::size_t port = 0; port < nodes[i].inputs.size(); ++port)
            for (const auto& origin : nodes[i].inputs[port].origins) {
                nodes[origin.node].outputs[origin.output].readers.push_back({i, port});
                before.insert(origin.node);
            }
        nodes[i].before.assign(before.begin(), before.end());
        for (const std::size_t from : before) {
            if (nodes[from].stage != nodes[i].stage) continue;
            nodes[from].next.push_back(i);
            ++nodes[i].previous;
        }
    }
}

// A gradient is wanted for an input where it depends on a model's weights and feeds a loss that
// an update reads.
void Plan::plan_gradients() {
    if (!training()) return;
    std::vector<bool> from_weights(nodes.size(), false), to_loss(nodes.size(), false);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (nodes[i].stage != Stage::forward) continue;
        from_weights[i] = nodes[i].model != nullptr;
        for (const InputPlan& input : nodes[i].inputs)
            for (const auto& origin : input.origins)
                if (from_weights[origin.node]) from_weights[i] = true;
    }
    for (std::size_t i = nodes.size(); i-- > 0;) {
        if (nodes[i].stage != Stage::forward) continue;
        for (OutputPlan& output : nodes[i].outputs)
            for (const auto& reader : output.readers) {
                if (nodes[reader.node].stage == Stage::update && output.carry == Carry::scalar) {
                    output.seed = true;
                    to_loss[i] = true;
                }
                if (to_loss[reader.node] && output.carry == Carry::tensor) to_loss[i] = true;
            }
    }
    std::size_t at = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (!from_weights[i] || !to_loss[i]) continue;
        nodes[i].differentiates = true;
        for (InputPlan& input : nodes[i].inputs) {
            if (input.carry != Carry::tensor || input.origins.empty()) continue;
            const auto& origin = input.origins[0];
            const OutputPlan& output = nodes[origin.node].outputs[origin.output];
            if (!from_weights[origin.node] || output.type != Type::f32) continue;
            input.gradient = at;
            input.gradient_flag = gradient_flags++;
            at += rounded(static_cast<std::size_t>(output.shape.elements()) * sizeof(float));
        }
    }
    gated_bytes = at;
}

// Values of nodes that run ahead belong to the packet; behind the weights there is one packet at a
// time, so its memory is there once.
void Plan::place_values() {
    for (NodePlan& node : nodes) {
        std::size_t& at = node.stage == Stage::ahead ? slot_bytes : gated_bytes;
        for (OutputPlan& output : node.outputs) {
            if (output.carry != Carry::tensor || !output.enabled || output.readers.empty())
                continue;
            output.offset = at;
            at += rounded(static_cast<std::size_t>(output.shape.elements()) * size_of(output.type));
        }
        for (NodePlan::Workspace& workspace : node.workspaces) {
            workspace.offset = at;
            at += rounded(workspace.bytes);
        }
    }
    slot_bytes += std::max<std::size_t>(1, sources) * ids_bytes();
}

Drawing Plan::drawing() const {
    Drawing drawing;
    drawing.memory_bound = memory_bound;
    for (const auto& [name, model] : models) drawing.models[name] = model->describe();
    for (const NodePlan& node : nodes)
        drawing.nodes.push_back({node.spec->id, node.spec->type, node.spec->model});
    for (const NodePlan& node : nodes)
        for (const InputPlan& input : node.inputs)
            for (const auto& origin : input.origins) {
                const NodePlan& from = nodes[origin.node];
                const OutputPlan& output = from.outputs[origin.output];
                std::string type =
                    output.carry == Carry::scalar ? "scalar"
                    : output.carry == Carry::event
                        ? "event"
                        : std::string(text_of(output.type)) + to_string(output.shape);
                drawing.edges.push_back(
                    {from.spec->id, output.name, node.spec->id, input.name, std::move(type)});
            }
    return drawing;
}

}  // namespace narrows::flow
