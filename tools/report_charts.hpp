// Charts and tables of the report, out of results that were measured.
#pragma once

#include <functional>
#include <map>

#include "pipeline/flow/run.hpp"
#include "pipeline/language/pipeline.hpp"
#include "tools/report_page.hpp"

namespace narrows::tools {

using LabelText = std::function<std::string(std::int64_t)>;

Facts health_facts(const flow::Result& evaluation);
// KL of each dimension of a variational code, and the error of each class.
std::vector<Chart> health_charts(const flow::Result& evaluation, const LabelText& label);
// log: name -> columns of a value an epoch, as the model file holds them; `pipeline` names the
// loss.
std::vector<Chart> training_charts(
    const std::map<std::string, std::vector<std::vector<double>>>& log,
    const std::string& pipeline);
Chart error_chart(const std::vector<float>& distances);
// places: [samples, 2]; labels: none, or one a sample.
Chart map_chart(const std::vector<float>& places, const std::vector<std::int64_t>& labels,
                const LabelText& label);
std::vector<std::vector<std::string>> probe_table(const flow::Result& probe);
std::vector<Box> boxes(const language::Pipeline& pipeline,
                       const std::vector<flow::NodeStatistics>& times);

}  // namespace narrows::tools
