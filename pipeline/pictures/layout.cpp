#include <fmt/format.h>

#include "pipeline/pictures/grid.hpp"

namespace narrows::pictures {
namespace {

constexpr std::int64_t most_curves = 16;

[[noreturn]] void refuse(const Shape& sample, std::string_view wanted) {
    throw Error(
        Fault::usage,
        fmt::format("a sample of shape {} cannot be drawn as {}", to_string(sample), wanted),
        fmt::format("give a shape of {} values that can, such as --sample-shape "
                    "rows,columns or sample_shape = [rows, columns]",
                    sample.elements()));
}

}  // namespace

SampleLayout layout_of(const Shape& sample, Style style) {
    Shape shape;
    for (const std::int64_t extent : sample)
        if (extent != 1) shape.push_back(extent);
    SampleLayout layout;
    if (shape.rank() <= 1) {
        if (style == Style::pictures) refuse(sample, "a picture");
        layout.curves = true;
        layout.columns = shape.elements();
        return layout;
    }
    const bool narrow = shape.rank() == 2 && shape[1] <= 4 && shape[0] >= 4 * shape[1];
    if (style == Style::curves || (style == Style::automatic && narrow)) {
        if (shape.rank() != 2 || shape[1] > most_curves)
            refuse(sample, fmt::format("at most {} curves", most_curves));
        layout.curves = true;
        layout.columns = shape[0];
        layout.channels = shape[1];
        return layout;
    }
    if (shape.rank() == 2) {
        layout.rows = shape[0];
        layout.columns = shape[1];
    } else if (shape.rank() == 3 && shape[2] == 3) {
        layout = {false, shape[0], shape[1], 3, false};
    } else if (shape.rank() == 3 && shape[0] == 3) {
        layout = {false, shape[1], shape[2], 3, true};
    } else {
        refuse(sample, "a picture: it is not [h, w], [h, w, 3] or [3, h, w]");
    }
    return layout;
}

}  // namespace narrows::pictures
