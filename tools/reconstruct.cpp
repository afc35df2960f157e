#include "tools/data_facts.hpp"
#include "tools/picture_options.hpp"
#include "tools/stream_verbs.hpp"

namespace narrows::tools {
namespace {

constexpr std::int64_t usual_count = 16;

}  // namespace

int reconstruct(CommandLine& line) {
    recipes::StreamOptions options;
    PictureLine picture;
    stream_options(line, options, true);
    level_option(line, options);
    picture_options(line, picture, true);
    line.parse();
    options.picture = finish_picture(picture, options.output);
    finish_options(line.common(), options);
    refuse_classifier(options.model, classes_instead);
    std::vector<std::string> keys{"sse", "mse"};
    if (options.picture) {
        if (options.picture->count == 0) options.picture->count = usual_count;
        keep_first(options.source, options.picture->count);
        keys.insert(keys.begin(), {"pictures", "colours", "low", "high"});
    } else {
        options.labels = !open_data(options.source)->labels().empty();
    }
    PipelineJob job{"reconstruct", recipes::reconstruct(options), "reconstruct", keys};
    return run_pipeline(line.common(), job);
}

}  // namespace narrows::tools
