#include "tools/report_page.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pipeline/pictures/base64.hpp"
#include "pipeline/pictures/scatter.hpp"
#include "tools/console.hpp"
#include "tools/report_graph.hpp"
#include "tools/report_style.hpp"

namespace narrows::tools {
namespace {

using nlohmann::json;
using pictures::escaped_markup;

json number(double value) {
    return std::isfinite(value) ? json(std::stod(fmt::format("{:.6g}", value))) : json(nullptr);
}

json json_of(const Chart& chart) {
    json series = json::array();
    for (const Chart::Series& s : chart.series) {
        json values = json::array();
        for (std::size_t i = 0; i < s.y.size(); ++i) {
            if (chart.kind == Chart::Kind::points)
                values.push_back({{"x", number(s.x[i])}, {"y", number(s.y[i])}});
            else
                values.push_back(number(s.y[i]));
        }
        series.push_back({{"name", s.name}, {"y", std::move(values)}});
    }
    constexpr const char* kinds[] = {"lines", "bars", "points"};
    return {{"kind", kinds[static_cast<int>(chart.kind)]},
            {"x", chart.x_axis},
            {"y", chart.y_axis},
            {"labels", chart.labels},
            {"series", std::move(series)},
            {"zero", chart.zero || chart.kind == Chart::Kind::bars},
            {"equal", chart.equal}};
}

// "<" could end the script that the text stands in.
std::string in_script(const json& value) {
    std::string out;
    for (const char c : value.dump(-1, ' ', false, json::error_handler_t::replace)) {
        if (c == '<' || c == '>' || c == '&')
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            out += c;
    }
    return out;
}

constexpr std::size_t wide_picture = 700;  // pixels: has a row of its own

// As a PNG's head has it; 0: no picture.
std::size_t picture_width(const std::string& png) {
    std::size_t width = 0;
    if (png.size() > 20)
        for (std::size_t i = 16; i < 20; ++i)
            width = width << 8 | static_cast<unsigned char>(png[i]);
    return width;
}

class Writer {
public:
    explicit Writer(const ReportPage& page) : page_(page) {}

    std::string html() {
        body();
        std::string out =
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            "<meta name=\"color-scheme\" content=\"light dark\">\n"
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
            "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>" +
            escaped_markup(page_.title) + "</title>\n<style>";
        out += report_style;
        out += "</style>\n</head>\n<body>\n<main>\n" + head() + out_ + "</main>\n";
        out += "<script>\n";
        out += chart_js;
        out += "\n</script>\n<script>\nconst charts = " + in_script(charts_) + ";\n";
        out += report_script;
        return out + "</script>\n</body>\n</html>\n";
    }

private:
    std::string head() const {
        std::string out = "<h1>" + escaped_markup(page_.title) + "</h1>\n<p class=\"soft\">" +
                          escaped_markup(page_.subtitle) + "</p>\n<nav>";
        for (const auto& [id, title] : sections_)
            out += fmt::format("<a href=\"#{}\">{}</a>", id, escaped_markup(title));
        return out +
               "</nav>\n<noscript><p>Charts are drawn by a script, and scripts are off.</p>"
               "</noscript>\n";
    }

    void section(const std::string& id, const std::string& title) {
        sections_.emplace_back(id, title);
        out_ += fmt::format("<h2 id=\"{}\">{}</h2>\n", id, escaped_markup(title));
    }

    void caption(const std::string& text) {
        if (!text.empty()) out_ += "<figcaption>" + escaped_markup(text) + "</figcaption>";
        out_ += "</figure>\n";
    }

    void charts(const std::vector<Chart>& list) {
        if (list.empty()) return;
        out_ += "<div class=\"pair\">\n";
        for (const Chart& chart : list) {
            out_ += fmt::format(
                "<figure><h3>{}</h3><div class=\"chart{}\"><canvas id=\"chart{}\" role=\"img\" "
                "aria-label=\"{}: {} against {}\"></canvas></div>",
                escaped_markup(chart.title), chart.equal ? " square" : "", charts_.size(),
                escaped_markup(chart.title), escaped_markup(chart.y_axis),
                escaped_markup(chart.x_axis));
            caption(chart.caption);
            charts_.push_back(json_of(chart));
        }
        out_ += "</div>\n";
    }

    void pictures_of(const std::vector<Picture>& list) {
        out_ += "<div class=\"pair pictures\">\n";
        for (const Picture& picture : list) {
            out_ +=
                picture_width(picture.png) > wide_picture ? "<figure class=\"wide\">" : "<figure>";
            out_ += "<h3>" + escaped_markup(picture.title) + "</h3>";
            if (!picture.png.empty())
                out_ += "<span class=\"picture\"><img alt=\"" + escaped_markup(picture.title) +
                        "\" src=\"data:image/png;base64," + pictures::base64(picture.png) +
                        "\"></span>";
            caption(picture.caption);
        }
        out_ += "</div>\n";
    }

    void words() {
        out_ += "<ul class=\"words\">\n";
        for (const std::string& text : page_.warnings)
            out_ += "<li>" + escaped_markup(text) + "</li>\n";
        if (page_.warnings.empty())
            out_ +=
                "<li class=\"good\">Nothing looks wrong: no NaN, no collapse, at most a few dead "
                "or saturated units, none that merely repeat others.</li>\n";
        out_ += "</ul>\n<div class=\"cards\">\n";
        for (const auto& [name, text] : page_.health)
            out_ += "<div class=\"card\"><b>" + escaped_markup(text) + "</b><span>" +
                    escaped_markup(name) + "</span></div>\n";
        out_ += "</div>\n";
    }

    void probe() {
        out_ += "<div class=\"scroll\"><table>\n";
        for (std::size_t row = 0; row < page_.probe.size(); ++row) {
            out_ += "<tr>";
            for (const std::string& cell : page_.probe[row])
                out_ += fmt::format("<{0}>{1}</{0}>", row == 0 ? "th" : "td", escaped_markup(cell));
            out_ += "</tr>\n";
        }
        out_ += "</table></div>\n<p class=\"soft\">" + escaped_markup(page_.probe_words) + "</p>\n";
    }

    void body() {
        section("run", "What was run");
        out_ += "<table class=\"facts\">\n";
        for (const auto& [name, text] : page_.facts)
            out_ += "<tr><td>" + escaped_markup(name) + "</td><td>" + escaped_markup(text) +
                    "</td></tr>\n";
        out_ += "</table>\n";
        for (const auto& [title, text] : page_.repeat)
            out_ += fmt::format("<details><summary>{}</summary><pre>{}</pre></details>\n",
                                escaped_markup(title), lines(text));
        section("health", "Health");
        words();
        charts(page_.codes);
        section("curves", "Training");
        if (page_.curves.empty())
            out_ +=
                "<p>The model file holds no history of its training: it was written by an "
                "earlier version, or made by hand.</p>\n";
        charts(page_.curves);
        section("reconstructions", "Reconstructions");
        pictures_of(page_.reconstructions);
        charts(page_.errors);
        section("units", "Units");
        pictures_of(page_.units);
        if (!page_.generated.empty()) {
            section("generated", "New samples and ways between samples");
            pictures_of(page_.generated);
        }
        section("map", "Map of the codes");
        out_ += "<p class=\"soft\">" + escaped_markup(page_.map_words) + "</p>\n";
        charts(page_.map);
        section("probe", "What the codes tell");
        if (page_.probe.empty())
            out_ += "<p>" + escaped_markup(page_.probe_words) + "</p>\n";
        else
            probe();
        section("time", "Time of each node");
        out_ += "<p class=\"soft\">" + escaped_markup(page_.pipeline_words) +
                "</p>\n<div class=\"scroll\">" + graph_svg(page_.pipeline) + "</div>\n";
        out_ += "<p class=\"soft\">narrows " + escaped_markup(page_.version) + "</p>\n";
    }

    static std::string lines(const std::string& text) {
        std::string out, line;
        for (const char c : text) {
            if (c != '\n') {
                line += c;
                continue;
            }
            out += escaped_markup(line) + "\n";
            line.clear();
        }
        return out + escaped_markup(line);
    }

    const ReportPage& page_;
    std::string out_;
    json charts_ = json::array();
    std::vector<std::pair<std::string, std::string>> sections_;
};

}  // namespace

std::string report_html(const ReportPage& page) {
    return Writer(page).html();
}

}  // namespace narrows::tools
