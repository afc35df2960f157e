#include <fmt/format.h>

#include "pipeline/storage/array_file.hpp"
#include "pipeline/storage/whole_file.hpp"
#include "tools/console.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {

int repack(CommandLine& line) {
    std::string from, to;
    line.positional("FILE", from, "any HDF5 file that narrows reads");
    line.option("-o,--output", to, "file to write");
    line.require("--output");
    line.parse();
    const Common& common = line.common();
    refuse_outputs(common, {{from}, {to}});
    if (common.dry_run) {
        say(common, fmt::format("repack: {} datasets; nothing was written",
                                storage::look(from).arrays.size()));
        return 0;
    }
    for (const std::string& what : storage::repack(from, to))
        warn(common, "not carried over: " + what);
    return 0;
}

}  // namespace narrows::tools
