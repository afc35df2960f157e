// Points of the plane as a picture with a legend: pixels, or SVG. One rule: both are pure functions
// of points and colours, so that they are the same everywhere.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "pipeline/pictures/grid.hpp"

namespace narrows::pictures {

struct LegendEntry {
    std::string text;
    Colour colour;
    std::int64_t count = 0;  // points
};

// What colour each point has, and why.
struct Colouring {
    std::vector<Colour> colour;        // [points]
    std::vector<std::uint32_t> entry;  // [points], into the legend; empty: none
    std::vector<LegendEntry> legend;
    std::optional<Range> values;  // colours are a field between these
};
NARROWS_PUBLIC Colouring one_colour(std::size_t points);
// Classes in increasing order, ten hues in three shades, then again. `names`: of the labels 0, 1,
// ..., or empty. More than 60 different labels are coloured as values.
NARROWS_PUBLIC Colouring colour_classes(std::span<const std::int64_t> labels,
                                        const std::vector<std::string>& names);
NARROWS_PUBLIC Colouring colour_values(std::span<const double> values);

struct Scatter {
    std::span<const float> points;  // [n, 2], finite, y upwards
    Colouring colouring;
    std::vector<std::string> caption;  // lines below
};
// Radius of a dot in a plot of `side` pixels: smaller the more there are.
NARROWS_PUBLIC double dot_radius(std::size_t points, double side);
// Points as x, y from the top left of a unit square that they fill with a margin; [n, 2].
NARROWS_PUBLIC std::vector<double> in_unit_square(std::span<const float> points);

NARROWS_PUBLIC Image draw_scatter(const Scatter& scatter);
// Light or dark as the viewer prefers.
NARROWS_PUBLIC std::string scatter_svg(const Scatter& scatter);

NARROWS_PUBLIC std::string hex(const Colour& colour);              // "#1f6fd0"
NARROWS_PUBLIC std::string escaped_markup(std::string_view text);  // for XML and HTML

}  // namespace narrows::pictures
