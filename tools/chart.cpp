#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "pipeline/pictures/chart.hpp"
#include "pipeline/storage/atomic_file.hpp"
#include "tools/console.hpp"
#include "tools/run_pipeline.hpp"
#include "tools/text_file.hpp"
#include "tools/verb.hpp"

namespace narrows::tools {
namespace {

struct ChartLine {
    std::string table, output, x, y, series, panel, y_label;
    std::vector<std::string> x_label, caption;
    bool log_x = false;
};

void describe(CommandLine& line, ChartLine& in) {
    line.positional("TABLE", in.table, "CSV with a header; - is standard input");
    line.option("-o,--output", in.output, "FILE.svg to write");
    line.require("--output");
    line.option("--x", in.x, "column from left to right");
    line.require("--x");
    line.option("--y", in.y,
                "column from bottom to top: rows that agree in all else are drawn as "
                "their mean, with a bar of their deviation");
    line.require("--y");
    line.option("--series", in.series, "column that tells lines apart");
    line.option("--panel", in.panel, "column that tells panels apart, side by side");
    line.flag("--log-x", in.log_x, "x on a logarithmic axis");
    line.option("--x-label", in.x_label,
                "words below the axis, unit included (the column's name); again "
                "for the next panel's");
    line.option("--y-label", in.y_label,
                "words beside the axis, unit included (the column's name)");
    line.option("--caption", in.caption, "a line below the figure; again for more");
}

std::vector<std::string> cells_of(const std::string& line) {
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (const char c : line) {
        if (c == '"')
            quoted = !quoted;
        else if (c == ',' && !quoted)
            cells.emplace_back();
        else if (c != '\r')
            cells.back() += c;
    }
    return cells;
}

// The columns of a table that a chart needs, row by row.
class Table {
public:
    explicit Table(const std::string& file) : file_(file), lines_(read_text(file)) {
        std::string line;
        if (!std::getline(lines_, line))
            throw Error(Fault::input, fmt::format("\"{}\" has no rows", file));
        names_ = cells_of(line);
    }
    std::size_t place(const std::string& name) const {
        const auto found = std::find(names_.begin(), names_.end(), name);
        if (found != names_.end()) return static_cast<std::size_t>(found - names_.begin());
        throw Error(Fault::usage, fmt::format("\"{}\" has no column \"{}\"", file_, name),
                    fmt::format("it has {}", fmt::join(names_, ", ")));
    }
    bool next() {
        std::string line;
        do {
            if (!std::getline(lines_, line)) return false;
            ++number_;
        } while (line.empty() || line == "\r");
        cells_ = cells_of(line);
        if (cells_.size() != names_.size())
            throw Error(Fault::input, fmt::format("{}:{}: {} values, the header has {}", file_,
                                                  number_, cells_.size(), names_.size()));
        return true;
    }
    const std::string& text(std::size_t place) const { return cells_[place]; }
    double number(std::size_t place) const {
        const std::string& cell = cells_[place];
        double value = 0;
        const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
        if (error != std::errc{} || end != cell.data() + cell.size() || !std::isfinite(value))
            throw Error(Fault::input, fmt::format("{}:{}: \"{}\" in column {} is no number", file_,
                                                  number_, cell, names_[place]));
        return value;
    }

private:
    std::string file_;
    std::istringstream lines_;
    std::vector<std::string> names_, cells_;
    std::int64_t number_ = 1;
};

struct Place {  // of a name, in the order of first appearance
    std::vector<std::string> names;
    std::size_t operator()(const std::string& name) {
        const auto place =
            static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
        if (place == names.size()) names.push_back(name);
        return place;
    }
};

pictures::ChartPoint point_of(double x, const std::vector<double>& values) {
    pictures::ChartPoint point{x, 0, 0};
    const auto count = static_cast<double>(values.size());
    for (const double value : values) point.y += value / count;
    double most = 0;  // squares of what it divides do not overflow
    for (const double value : values) most = std::max(most, std::abs(value - point.y));
    if (most == 0) return point;
    for (const double value : values) {
        const double part = (value - point.y) / most;
        point.spread += part * part / std::max(count - 1, 1.0);
    }
    point.spread = std::sqrt(point.spread) * most;
    return point;
}

pictures::Chart read_chart(const ChartLine& in) {
    Table table(in.table);
    const std::size_t x = table.place(in.x), y = table.place(in.y);
    const std::size_t series = in.series.empty() ? 0 : table.place(in.series);
    const std::size_t panel = in.panel.empty() ? 0 : table.place(in.panel);
    Place panels, lines;
    std::map<std::size_t, std::map<std::size_t, std::map<double, std::vector<double>>>> values;
    while (table.next()) {
        const std::size_t p = panels(in.panel.empty() ? in.y : table.text(panel));
        const std::size_t s = lines(in.series.empty() ? in.y : table.text(series));
        values[p][s][table.number(x)].push_back(table.number(y));
    }
    pictures::Chart chart;
    chart.log_x = in.log_x;
    chart.caption = in.caption;
    for (const auto& [p, of_panel] : values) {
        pictures::ChartPanel one;
        one.title = panels.names[p];
        one.x_label = in.x_label.empty() ? in.x : in.x_label[std::min(p, in.x_label.size() - 1)];
        one.y_label = in.y_label.empty() ? in.y : in.y_label;
        for (const auto& [s, of_series] : of_panel) {
            pictures::ChartSeries& drawn = one.series.emplace_back();
            drawn.name = lines.names[s];
            for (const auto& [at, measured] : of_series)
                drawn.points.push_back(point_of(at, measured));
        }
        chart.panels.push_back(std::move(one));
    }
    return chart;
}

}  // namespace

int chart(CommandLine& line) {
    ChartLine in;
    describe(line, in);
    line.parse();
    const Common& common = line.common();
    if (!in.output.ends_with(".svg"))
        throw Error(Fault::usage, fmt::format("output \"{}\" does not end in .svg", in.output),
                    "a chart is an SVG picture");
    PipelineFiles files;
    files.inputs.push_back(in.table);
    files.outputs.push_back(in.output);
    refuse_outputs(common, files);
    const pictures::Chart chart = read_chart(in);
    const std::string svg = pictures::chart_svg(chart);
    if (!common.dry_run) storage::write_text_atomically(in.output, svg);
    return 0;
}

}  // namespace narrows::tools
