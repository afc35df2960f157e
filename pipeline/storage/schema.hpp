// What a file that says it is one of narrows' must hold, so that files that others write can be
// checked before a run.
#pragma once

#include "pipeline/storage/array_file.hpp"

namespace narrows::storage {

// What does not fit the schema that the file's `format` names, one text each (FORMATS.md has the
// schema). A file without `format` has none, and nothing to say; datasets beyond it are welcome.
NARROWS_PUBLIC std::vector<std::string> check_schema(const FileInfo& file);

}  // namespace narrows::storage
