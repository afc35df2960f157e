// Measurements as lines with their spread, in panels side by side: SVG, light or dark as the viewer
// prefers. One rule: a pure function of the numbers, so that a figure is the same everywhere.
#pragma once

#include <string>
#include <vector>

#include "pipeline/node.hpp"

namespace narrows::pictures {

struct ChartPoint {
    double x = 0, y = 0;  // up to 1e300
    double spread = 0;    // a bar of so much above and below; 0: none
};
struct ChartSeries {
    std::string name;                // those of one name have one colour in all panels
    std::vector<ChartPoint> points;  // in increasing x
};
struct ChartPanel {
    std::string title, x_label, y_label;
    std::vector<ChartSeries> series;
};
struct Chart {
    std::vector<ChartPanel> panels;  // they share the range of y
    bool log_x = false;              // all x above 0; ticks stand where points do
    std::vector<std::string> caption;
};

// Ticks between low and high: steps of 1, 2 or 5 times a power of ten, about `count` of them.
NARROWS_PUBLIC std::vector<double> ticks_between(double low, double high, int count);

// Lines of more than 60 points have no dots and bars. Throws Error{Fault::usage} where there is
// nothing to draw, or x <= 0 with log_x; Error{Fault::input} for numbers beyond 1e300, NaN and Inf.
NARROWS_PUBLIC std::string chart_svg(const Chart& chart);

}  // namespace narrows::pictures
