#include "pipeline/flow/stages.hpp"

#include <algorithm>

#include "pipeline/language/language.hpp"

namespace narrows::flow {
namespace {

void change(language::Pipeline& pipeline, const std::string& id, const Setting& setting) {
    for (language::NodeSpec& node : pipeline.nodes) {
        if (node.id != id) continue;
        const auto old = std::find_if(node.settings.begin(), node.settings.end(),
                                      [&](const Setting& own) { return own.name == setting.name; });
        if (old != node.settings.end())
            *old = setting;
        else
            node.settings.push_back(setting);
    }
}

}  // namespace

std::vector<StagePart> stages_of(const language::Pipeline& pipeline) {
    std::vector<StagePart> all;
    if (pipeline.stages.empty()) {
        all.push_back({pipeline, {}});
        return all;
    }
    if (pipeline.run.mode != Mode::train)
        throw Error(Fault::usage, "[[stage]] needs mode = \"train\"", "leave the stages out",
                    pipeline.stages[0].position);
    Part part;
    part.count = static_cast<std::uint32_t>(pipeline.stages.size());
    part.text = language::write(pipeline, true);
    for (const language::StageSpec& stage : pipeline.stages)
        part.epochs += static_cast<std::uint32_t>(stage.epochs);
    for (const language::StageSpec& stage : pipeline.stages) {
        language::Pipeline own = pipeline;
        own.stages.clear();
        own.run.epochs = stage.epochs;
        for (const auto& [id, setting] : stage.changes) change(own, id, setting);
        part.stage = &stage;
        all.push_back({std::move(own), part});
        ++part.index;
        part.epochs_before += static_cast<std::uint32_t>(stage.epochs);
    }
    return all;
}

}  // namespace narrows::flow
