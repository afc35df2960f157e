// Many samples as one picture, each drawn as what its shape says: an image, a field or curves.
//
//     [h, w], [h, w, 1]          a picture of one value a pixel
//     [h, w, 3], [3, h, w]       a picture in colour (narrows keeps channels last; first is read
//     too) [n], and [n, c] with c <= 4 and n >= 4 c    curves
// Axes of extent 1 do not count. A vector of a square number of values is still a curve: only a
// sample shape that the user gave makes it a picture.
//
// Values from 0 to 1 are grey levels; all other values become colours of a field between the
// lowest and the highest of `x`, which are handed back to be told.
#pragma once

#include <optional>
#include <span>

#include "pipeline/pictures/image.hpp"

namespace narrows::pictures {

inline constexpr std::int64_t grid_gap = 2;  // pixels between samples, and around them

enum class Style : std::uint8_t { automatic, pictures, curves };

struct Range {
    double low = 0, high = 1;
};

struct GridOptions {
    Shape sample;  // as it is to be drawn
    Style style = Style::automatic;
    Colours colours = Colours::automatic;
    std::int64_t columns = 0;       // 0: about as wide as high
    std::int64_t scale = 0;         // pixels a value, pictures; 0: small ones are enlarged
    bool each = false;              // every sample has a range of its own
    bool crop = false;              // pictures: cut the margin that is zero in all of `x`
    std::optional<Range> range;     // fixed, for curves too
    std::optional<Range> expected;  // grey levels between these, where nothing else is said
};

// How one sample is drawn. Strides are in values.
struct SampleLayout {
    bool curves = false;
    std::int64_t rows = 1, columns = 1;  // curves: columns are steps
    std::int64_t channels = 1;           // curves: each in a frame of its own
    bool channels_first = false;
};
// Throws Error{Fault::usage} for shapes that are neither.
NARROWS_PUBLIC SampleLayout layout_of(const Shape& sample, Style style);

struct Drawn {
    Image image;
    Range range;  // what the colours or the plots' heights stand for; not with `each`
    // "grey", "colour", "field", "diverging" or "curves"
    std::string_view colours;
};

// x [n, sample...], n >= 1; below: empty, or as large: under each picture of x stands that of
// `below`, and curves of `below` lie over those of x.
NARROWS_PUBLIC Drawn draw_grid(const GridOptions& options, std::span<const float> x,
                               std::span<const float> below);

}  // namespace narrows::pictures
