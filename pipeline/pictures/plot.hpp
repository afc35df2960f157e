// Curves of one-dimensional samples. Private to this room's grid.
#pragma once

#include <span>

#include "pipeline/pictures/image.hpp"

namespace narrows::pictures {

struct Frame {  // where a plot stands in the image, and the values at its bottom and top
    std::int64_t x = 0, y = 0, width = 1, height = 1;
    double low = 0, high = 1;
};

// White, with a thin line at zero where that is inside.
void draw_frame(Image& image, const Frame& frame);
// values[i * stride] from left to right, joined by straight lines; gaps where they are no numbers.
void draw_curve(Image& image, const Frame& frame, const float* values, std::size_t count,
                std::size_t stride, Colour colour);

}  // namespace narrows::pictures
