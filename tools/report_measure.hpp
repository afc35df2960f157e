// What a report shows, measured by the pipelines of other verbs in a folder of their own. One rule:
// a part that a model or its data cannot give is left out with the reason; a stop ends the report.
#pragma once

#include <optional>

#include "datasets/dataset.hpp"
#include "pipeline/recipes/session.hpp"
#include "tools/options.hpp"
#include "tools/report_page.hpp"

namespace narrows::tools {

struct ReportOptions {
    recipes::StreamOptions evaluate;  // as `evaluate` finishes them
    std::string labels;               // DATA; "": those inside the samples
    std::string output, training_stats;
    std::int64_t map_samples = 2000, probe_samples = 5000;
    recipes::PictureOptions picture;
};

struct Measured {
    ReportPage page;
    flow::Result evaluation;
    flow::Result probe, map;  // empty where left out
};
// Throws Error; std::nullopt after Ctrl-C.
std::optional<Measured> measure_report(const Common& common, const recipes::Session& session,
                                       const ReportOptions& options,
                                       const language::Pipeline& evaluation);

}  // namespace narrows::tools
