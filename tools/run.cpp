#include <fmt/format.h>

#include "tools/run_pipeline.hpp"
#include "tools/text_file.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {

int run(CommandLine& line) {
    std::string file;
    line.positional("FILE.toml", file, "the pipeline, - for standard input");
    line.parse();
    Common common = line.common();
    if (common.seed) common.sets.push_back(fmt::format("run.seed={}", *common.seed));
    return run_pipeline(common, {"run", read_text(file), file, {}, ResultsAre::data, true});
}

}  // namespace narrows::tools
