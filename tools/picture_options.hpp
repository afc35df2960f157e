// Options of the verbs whose output may be a picture: the output's ending decides.
#pragma once

#include "tools/verb.hpp"

namespace narrows::tools {

struct PictureLine {
    recipes::PictureOptions options;
    std::string sample_shape;
};

// --per-row, --sample-shape, --as, --magnify, and with `count` --count.
void picture_options(CommandLine& line, PictureLine& in, bool count);
// After parse(). Throws Error{Fault::usage}: numbers that are none, or options for pictures where
// `output` is none.
std::optional<recipes::PictureOptions> finish_picture(PictureLine& in, const std::string& output);

// Only the first `count` samples of the data: later files and rows are not read.
void keep_first(recipes::Source& source, std::int64_t count);

}  // namespace narrows::tools
