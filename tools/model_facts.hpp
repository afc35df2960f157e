// What the command needs to know about a file that narrows wrote, without building its model.
#pragma once

#include "pipeline/program/model_facts.hpp"

namespace narrows::tools {

using program::model_facts;
using program::ModelFacts;

// The pipeline that a model, checkpoint or output was made by; throws Error{Fault::input}.
std::string stored_pipeline(const std::string& file);

}  // namespace narrows::tools
