#include "tools/picture_options.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "pipeline/pictures/png.hpp"
#include "tools/data_facts.hpp"

namespace narrows::tools {

void picture_options(CommandLine& line, PictureLine& in, bool count) {
    recipes::PictureOptions& o = in.options;
    if (count) line.option("--count", o.count, "picture: the first N samples (16)");
    line.option("--per-row", o.columns, "picture: samples side by side");
    line.option("--sample-shape", in.sample_shape, "picture: draw samples as rows,columns[,3]");
    line.choice("--as", o.style, {"pictures", "curves"},
                "picture: draw samples as pictures or curves");
    line.option("--magnify", o.scale, "picture: pixels for one value");
}

std::optional<recipes::PictureOptions> finish_picture(PictureLine& in, const std::string& output) {
    recipes::PictureOptions& o = in.options;
    for (const auto& [name, value] :
         {std::pair{"--count", o.count}, std::pair{"--per-row", o.columns},
          std::pair{"--magnify", o.scale}})
        if (value < 0)
            throw Error(Fault::usage, fmt::format("{} {}: must be at least 1", name, value));
    if (!in.sample_shape.empty()) o.sample_shape = parse_widths("--sample-shape", in.sample_shape);
    if (pictures::names_png(output)) return o;
    if (o.count > 0 || o.columns > 0 || o.scale > 0 || !o.sample_shape.empty() || !o.style.empty())
        throw Error(Fault::usage,
                    fmt::format("--count, --per-row, --sample-shape, --as and --magnify are for "
                                "pictures, but the output is \"{}\"",
                                output),
                    "name it FILE.png, or leave them out");
    return std::nullopt;
}

void keep_first(recipes::Source& source, std::int64_t count) {
    std::vector<std::string> kept;
    for (const std::string& text : source.data) {
        if (count == 0) break;
        recipes::Source one = source;
        one.data = {text};
        const std::int64_t rows = open_data(one)->rows();
        const std::int64_t first = datasets::parse_data(text).first.value_or(0);
        if (rows <= count) {
            kept.push_back(text);
            count -= rows;
            continue;
        }
        const datasets::DataSpec spec = datasets::parse_data(text);
        const bool ranged = spec.first || spec.last;
        kept.push_back(fmt::format("{}@{}:{}", ranged ? text.substr(0, text.rfind('@')) : text,
                                   first, first + count));
        count = 0;
    }
    source.data = kept;
}

}  // namespace narrows::tools
