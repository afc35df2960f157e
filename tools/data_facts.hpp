// What presets must know about data, told on the way.
#pragma once

#include "pipeline/program/data_facts.hpp"
#include "tools/options.hpp"

namespace narrows::tools {

using program::data_specs;
using program::finish_evaluation;
using program::in_unit_range_for_model;
using program::open_data;

// program::training_facts; says its advice.
recipes::DataFacts training_facts(const datasets::Dataset& data, const recipes::Source& source,
                                  const Common& common);

}  // namespace narrows::tools
