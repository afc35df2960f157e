// The report as a page: one HTML file that needs no network, with Chart.js inside. One rule: what
// is shown is told by ReportPage alone; nothing is measured here.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace narrows::tools {

// A chart of the page; every axis is named with its unit.
struct Chart {
    enum class Kind { lines, bars, points };
    struct Series {
        std::string name;
        std::vector<double> x, y;  // x: points; else empty
    };
    Kind kind = Kind::lines;
    std::string title, caption;
    std::string x_axis, y_axis;
    std::vector<std::string> labels;  // lines and bars: along x
    std::vector<Series> series;
    bool zero = false;   // lines: the axis begins at 0
    bool equal = false;  // points: the same scale on both axes, without numbers
};

struct Picture {
    std::string title, caption;
    std::string png;  // bytes; empty: not there, and the caption says why
};

struct Box {  // a node of the drawn pipeline
    std::string id, type;
    double seconds = 0, waiting_share = 0;
    std::vector<std::string> reads;  // ids
};

using Facts = std::vector<std::pair<std::string, std::string>>;

struct ReportPage {
    std::string title;
    std::string subtitle;
    Facts facts;                                              // what was run
    std::vector<std::pair<std::string, std::string>> repeat;  // how to repeat it: title, text
    std::vector<std::string> warnings;                        // health in words
    Facts health;
    std::vector<Chart> curves, errors, codes;
    std::vector<Picture> reconstructions, units, generated;
    std::vector<Chart> map;
    std::vector<std::vector<std::string>> probe;  // a table, its head first
    std::string probe_words, map_words;
    std::vector<Box> pipeline;
    std::string pipeline_words;
    std::string version;
};

std::string report_html(const ReportPage& page);

// Chart.js as it is packaged, from the time of the build; empty: the build did not find it.
extern const char* const chart_js;

}  // namespace narrows::tools
