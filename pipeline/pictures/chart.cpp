#include "pipeline/pictures/chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "pipeline/pictures/scatter.hpp"

namespace narrows::pictures {
namespace {

// Pixels.
constexpr double panel_width = 420, panel_height = 320, left = 64, right = 16, top = 40,
                 bottom = 74;
constexpr double line_height = 20, key_column = 200, least_tick_distance = 26,
                 letter_width = 7.5;     // about, of the words below
constexpr std::size_t most_marked = 60;  // points of a line with dots and bars of their own
constexpr double largest = 1e300;        // so that no difference overflows

struct Axis {
    double low = 0, high = 1;
    bool logarithmic = false;
    // Part of the way from low to high.
    double place(double value) const {
        if (!logarithmic) return (value - low) / (high - low);
        return (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
    }
};

void widen(Axis& axis) {
    if (axis.high > axis.low) return;
    if (axis.logarithmic) {
        axis.low = std::max(axis.low / 2, std::numeric_limits<double>::denorm_min());
        axis.high *= 2;
    } else {
        const double half = std::max(0.5, std::abs(axis.low) * 1e-6);
        axis.low -= half;
        axis.high += half;
    }
}

template <class Visit>
void each_point(const Chart& chart, const Visit& visit) {
    for (const ChartPanel& panel : chart.panels)
        for (const ChartSeries& series : panel.series)
            for (const ChartPoint& point : series.points) visit(point);
}

// From the lowest to the highest, to whole ticks.
Axis y_axis(const Chart& chart) {
    Axis axis{INFINITY, -INFINITY};
    each_point(chart, [&](const ChartPoint& point) {
        axis.low = std::min(axis.low, point.y - point.spread);
        axis.high = std::max(axis.high, point.y + point.spread);
    });
    widen(axis);
    const std::vector<double> ticks = ticks_between(axis.low, axis.high, 6);
    const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : axis.high - axis.low;
    const double low = std::floor(axis.low / step + 1e-9) * step;
    const double high = std::ceil(axis.high / step - 1e-9) * step;
    return high > low ? Axis{low, high} : axis;  // a range of the last digits rounds away
}

Axis x_axis(const ChartPanel& panel, bool logarithmic) {
    Axis axis{INFINITY, -INFINITY, logarithmic};
    for (const ChartSeries& series : panel.series)
        for (const ChartPoint& point : series.points) {
            axis.low = std::min(axis.low, point.x);
            axis.high = std::max(axis.high, point.x);
        }
    widen(axis);
    return axis;
}

std::vector<double> x_ticks(const ChartPanel& panel, const Axis& axis) {
    if (!axis.logarithmic) return ticks_between(axis.low, axis.high, 6);
    std::set<double> known;
    for (const ChartSeries& series : panel.series)
        for (const ChartPoint& point : series.points) known.insert(point.x);
    std::vector<double> out;
    for (const double x : known)
        if (out.empty() ||
            (axis.place(x) - axis.place(out.back())) * panel_width >= least_tick_distance)
            out.push_back(x);
    return out;
}

// Names in the order in which they first appear: a colour each.
std::vector<std::string> names_of(const Chart& chart) {
    std::vector<std::string> names;
    for (const ChartPanel& panel : chart.panels)
        for (const ChartSeries& series : panel.series)
            if (std::find(names.begin(), names.end(), series.name) == names.end())
                names.push_back(series.name);
    return names;
}

class Writer {
public:
    explicit Writer(const Chart& chart) : chart_(chart), names_(names_of(chart)) {
        const std::vector<std::int64_t> places = [&] {
            std::vector<std::int64_t> out;
            for (std::size_t i = 0; i < names_.size(); ++i)
                out.push_back(static_cast<std::int64_t>(i));
            return out;
        }();
        colours_ = colour_classes(places, {});
    }

    std::string write() {
        const double all = panels() * (left + panel_width + right);
        key_columns_ = std::max(1.0, std::floor((all - left) / key_column));
        const double key_rows = std::ceil(static_cast<double>(names_.size()) / key_columns_);
        const double below = top + panel_height + bottom;
        const std::vector<std::string> caption = wrapped(all - left);
        const double height =
            below + (key_rows + static_cast<double>(caption.size())) * line_height + 8;
        begin(all, height);
        const Axis y = y_axis(chart_);
        for (std::size_t i = 0; i < chart_.panels.size(); ++i) {
            const ChartPanel& one = chart_.panels[i];
            origin_ = static_cast<double>(i) * (left + panel_width + right) + left;
            const Axis x = x_axis(one, chart_.log_x);
            frame(one, x, y);
            for (const ChartSeries& series : one.series) curve(series, x, y);
        }
        key(below);
        double line = below + key_rows * line_height + 14;
        for (const std::string& words : caption) {
            text(left, line, "start", words);
            line += line_height;
        }
        return svg_ + "</svg>\n";
    }

private:
    double panels() const { return static_cast<double>(chart_.panels.size()); }
    double at_x(const Axis& axis, double value) const {
        return origin_ + axis.place(value) * panel_width;
    }
    static double at_y(const Axis& axis, double value) {
        return top + (1 - axis.place(value)) * panel_height;
    }
    std::string colour(const std::string& name) const {
        const auto place = std::find(names_.begin(), names_.end(), name) - names_.begin();
        return hex(colours_.colour[static_cast<std::size_t>(place)]);
    }

    // The caption's lines, cut between words where they are wider than `width`.
    std::vector<std::string> wrapped(double width) const {
        std::vector<std::string> out;
        for (const std::string& whole : chart_.caption) {
            out.emplace_back();
            std::istringstream words(whole);
            for (std::string word; words >> word;) {
                const auto needed = static_cast<double>(out.back().size() + 1 + word.size());
                if (!out.back().empty() && needed * letter_width > width) out.emplace_back();
                out.back() += (out.back().empty() ? "" : " ") + word;
            }
        }
        return out;
    }

    void begin(double width, double height) {
        svg_ = fmt::format(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" "
            "viewBox=\"0 0 {0:.0f} {1:.0f}\" role=\"img\">\n<title>{2}</title>\n"
            "<style>text{{font:14px system-ui,sans-serif;fill:#202428}}.title{{font-weight:600}}"
            ".page{{fill:#ffffff}}.grid{{stroke:#d8dce0}}.line{{fill:none;stroke-width:2.5;"
            "stroke-linejoin:round}}.bar{{stroke-width:1.5}}"
            "@media (prefers-color-scheme:dark){{text{{fill:#e4e8ec}}.page{{fill:#16191d}}"
            ".grid{{stroke:#3a4046}}}}</style>\n"
            "<rect class=\"page\" width=\"{0:.0f}\" height=\"{1:.0f}\"/>\n",
            width, height,
            escaped_markup(chart_.caption.empty() ? chart_.panels.front().title
                                                  : chart_.caption.front()));
    }

    void text(double x, double y, const char* anchor, const std::string& words,
              const char* more = "") {
        svg_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x,
                            y, anchor, more, escaped_markup(words));
    }

    void grid_line(double x1, double y1, double x2, double y2) {
        svg_ += fmt::format(
            "<line class=\"grid\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", x1,
            y1, x2, y2);
    }

    void frame(const ChartPanel& panel, const Axis& x, const Axis& y) {
        text(origin_, top - 16, "start", panel.title, " class=\"title\"");
        for (const double tick : ticks_between(y.low, y.high, 6)) {
            grid_line(origin_, at_y(y, tick), origin_ + panel_width, at_y(y, tick));
            text(origin_ - 8, at_y(y, tick) + 5, "end", fmt::format("{:.4g}", tick));
        }
        for (const double tick : x_ticks(panel, x)) {
            grid_line(at_x(x, tick), top + panel_height, at_x(x, tick), top + panel_height + 5);
            text(at_x(x, tick), top + panel_height + 20, "middle", fmt::format("{:.4g}", tick));
        }
        text(origin_ + panel_width / 2, top + panel_height + 42, "middle", panel.x_label);
        const double middle = top + panel_height / 2;
        text(origin_ - 46, middle, "middle", panel.y_label,
             fmt::format(" transform=\"rotate(-90 {:.1f} {:.1f})\"", origin_ - 46, middle).c_str());
    }

    void curve(const ChartSeries& series, const Axis& x, const Axis& y) {
        const std::string stroke = colour(series.name);
        std::string path;
        for (const ChartPoint& point : series.points)
            path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", at_x(x, point.x),
                                at_y(y, point.y));
        svg_ += fmt::format("<path class=\"line\" stroke=\"{}\" d=\"{}\"/>\n", stroke, path);
        if (series.points.size() > most_marked) return;
        for (const ChartPoint& point : series.points) {
            const double px = at_x(x, point.x);
            if (point.spread > 0)
                svg_ += fmt::format(
                    "<line class=\"bar\" stroke=\"{}\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" "
                    "y2=\"{:.1f}\"/>\n",
                    stroke, px, at_y(y, point.y - point.spread), px,
                    at_y(y, point.y + point.spread));
            svg_ += fmt::format("<circle fill=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\"/>\n",
                                stroke, px, at_y(y, point.y));
        }
    }

    void key(double y) {
        for (std::size_t i = 0; i < names_.size(); ++i) {
            const double x = left + std::fmod(static_cast<double>(i), key_columns_) * key_column;
            const double line = y + std::floor(static_cast<double>(i) / key_columns_) * line_height;
            svg_ += fmt::format(
                "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"14\" height=\"14\" fill=\"{}\"/>\n", x,
                line - 12, colour(names_[i]));
            text(x + 22, line, "start", names_[i]);
        }
    }

    const Chart& chart_;
    std::vector<std::string> names_;
    Colouring colours_;
    double origin_ = 0, key_columns_ = 1;
    std::string svg_;
};

}  // namespace

std::vector<double> ticks_between(double low, double high, int count) {
    std::vector<double> out;
    if (!(high > low)) return {low};
    const double rough = (high - low) / count;
    if (rough < std::numeric_limits<double>::min()) return {low};
    const double power = std::pow(10.0, std::floor(std::log10(rough)));
    const double part = rough / power;
    const double step = power * (part <= 1.5 ? 1 : part <= 3.5 ? 2 : part <= 7.5 ? 5 : 10);
    const auto first = static_cast<std::int64_t>(std::ceil(low / step - 1e-9));
    const auto last = static_cast<std::int64_t>(std::floor(high / step + 1e-9));
    for (std::int64_t i = first; i <= last; ++i) out.push_back(static_cast<double>(i) * step);
    return out;
}

std::string chart_svg(const Chart& chart) {
    std::size_t points = 0;
    each_point(chart, [&](const ChartPoint& point) {
        ++points;
        for (const double value : {point.x, point.y, point.spread})
            if (!(std::abs(value) <= largest))
                throw Error(
                    Fault::input,
                    fmt::format("{:g} is beyond what a chart can show, {:g}", value, largest),
                    "divide the column by a power of ten, or leave the row out");
        if (chart.log_x && !(point.x > 0))
            throw Error(Fault::usage,
                        fmt::format("x = {:g} has no place on a logarithmic axis", point.x),
                        "leave the axis linear");
    });
    if (points == 0) throw Error(Fault::usage, "there are no points to draw");
    return Writer(chart).write();
}

}  // namespace narrows::pictures
