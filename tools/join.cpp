#include <fmt/format.h>

#include "pipeline/storage/part.hpp"
#include "tools/console.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {

int join(CommandLine& line) {
    std::vector<std::string> parts;
    std::string to;
    bool copy = false;
    line.positionals("PART", parts,
                     "files that encode, score or compress made with --part, or their folder");
    line.option("-o,--output", to, "file to write");
    line.require("--output");
    line.flag("--copy", copy, "one file with all rows, instead of links to the parts");
    line.parse();
    refuse_outputs(line.common(), {parts, {to}});
    const std::vector<std::filesystem::path> paths(parts.begin(), parts.end());
    storage::join(paths, to, copy ? storage::Joined::copy : storage::Joined::links);
    return 0;
}

}  // namespace narrows::tools
