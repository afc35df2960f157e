// What evaluate finds out about model and data before it writes its pipeline; report does the same.
#pragma once

#include "pipeline/recipes/recipes.hpp"

namespace narrows::tools {

// Opens data and model and sets what follows from them. Throws Error: they do not fit.
void finish_evaluation(recipes::StreamOptions& options);

}  // namespace narrows::tools
