// A pipeline as an SVG drawing: nodes in rows, each below all that it reads, with its time.
#pragma once

#include <string>
#include <vector>

#include "tools/report_page.hpp"

namespace narrows::tools {

std::string graph_svg(const std::vector<Box>& nodes);

}  // namespace narrows::tools
