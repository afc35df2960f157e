// A run's [[stage]]s: each is a plan of its own, with changed parameters, on the models of the one
// before. One rule: a pipeline without stages is one stage.
#pragma once

#include "pipeline/flow/plan.hpp"

namespace narrows::flow {

struct StagePart {
    language::Pipeline pipeline;  // with the stage's changes and epochs
    Part part;
};
// What each stage runs, in order. Throws Error{Fault::usage}: stages in a stream.
std::vector<StagePart> stages_of(const language::Pipeline& pipeline);

}  // namespace narrows::flow
