#include "plugins/view/map_page.hpp"

#include <map>

#include <fmt/format.h>

#include "pipeline/pictures/base64.hpp"
#include "plugins/view/map_script.hpp"

namespace narrows::plugins {
namespace {

constexpr int steps = 1 << 16;  // places across the map

// A text inside a script: "<" could end it.
std::string json_text(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            out += {'\\', c};
        else if (code < 0x20 || c == '<' || c == '>' || c == '&')
            out += fmt::format("\\u{:04x}", code);
        else
            out += c;
    }
    return out + "\"";
}

template <class Range, class Text>
std::string json_list(const Range& values, Text text) {
    std::string out = "[";
    for (const auto& value : values) {
        if (out.size() > 1) out += ',';
        out += text(value);
    }
    return out + "]";
}

// Equal texts once, and for each point which.
struct Distinct {
    std::vector<std::string> texts;
    std::vector<std::size_t> of;
};
Distinct distinct(const std::vector<std::string>& all) {
    Distinct out;
    std::map<std::string, std::size_t> place;
    for (const std::string& text : all) {
        const auto [found, fresh] = place.emplace(text, out.texts.size());
        if (fresh) out.texts.push_back(text);
        out.of.push_back(found->second);
    }
    return out;
}

std::string data_of(const MapPage& page) {
    const pictures::Scatter& s = page.scatter;
    const auto number = [](auto value) { return fmt::format("{}", value); };
    const std::vector<double> unit = pictures::in_unit_square(s.points);
    std::vector<std::string> colours;
    for (const pictures::Colour& colour : s.colouring.colour)
        colours.push_back(pictures::hex(colour));
    const Distinct colour = distinct(colours), label = distinct(page.labels);
    const auto place = [](double value) { return static_cast<int>(value * steps + 0.5); };

    std::string out = "{";
    out += fmt::format("\"steps\":{},\n\"at\":{},\n", steps,
                       json_list(unit, [&](double value) { return number(place(value)); }));
    out += fmt::format("\"radius\":{:.5f},\n", pictures::dot_radius(colours.size(), 1));
    out += fmt::format("\"colours\":{},\"colour\":{},\n", json_list(colour.texts, json_text),
                       json_list(colour.of, number));
    out += fmt::format("\"ids\":{},\n", json_list(page.ids, number));
    out += fmt::format("\"labels\":{},\"label\":{},\n", json_list(label.texts, json_text),
                       json_list(label.of, number));
    out += fmt::format("\"entry\":{},\n", json_list(s.colouring.entry, number));
    const Sprites& sprites = page.sprites;
    out += fmt::format(
        "\"sprites\":{{\"perSheet\":{},\"columns\":{},\"width\":{},\"height\":{},"
        "\"gap\":{},\"curves\":{},\"sheets\":{}}}",
        sprites.per_sheet, sprites.columns, sprites.width, sprites.height, pictures::grid_gap,
        sprites.curves, json_list(sprites.sheets, [](const std::string& png) {
            return "\"data:image/png;base64," + pictures::base64(png) + "\"";
        }));
    return out + "}";
}

std::string escaped_lines(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        out += pictures::escaped_markup(text.substr(at, end - at)) + "\n";
        at = end + 1;
    }
    return out;
}

// Buttons that hide and show a class; of values the range of colours.
std::string key_of(const pictures::Colouring& colouring) {
    std::string out;
    for (std::size_t i = 0; i < colouring.legend.size(); ++i) {
        const pictures::LegendEntry& entry = colouring.legend[i];
        out += fmt::format(
            "<button type=\"button\" aria-pressed=\"true\" data-entry=\"{}\">"
            "<i style=\"background:{}\"></i><b>{}</b><span>{}</span></button>\n",
            i, pictures::hex(entry.colour), pictures::escaped_markup(entry.text), entry.count);
    }
    if (!colouring.values) return out;
    out += "<div class=\"bar\"><span>" + fmt::format("{:.4g}", colouring.values->low) +
           "</span><i style=\"background:linear-gradient(90deg";
    for (int i = 0; i <= 10; ++i)
        out += "," + pictures::hex(pictures::colour_of(pictures::Colours::field, i / 10.0));
    return out + ")\"></i><span>" + fmt::format("{:.4g}", colouring.values->high) +
           "</span></div>\n";
}

}  // namespace

std::string map_page(const MapPage& page) {
    using pictures::escaped_markup;
    std::string captions;
    for (const std::string& line : page.scatter.caption)
        captions += "<p>" + escaped_markup(line) + "</p>\n";
    std::string out =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta name=\"color-scheme\" content=\"light dark\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n";
    out += "<title>" + escaped_markup(page.title) + "</title>\n<style>";
    out += map_style;
    out += "</style>\n</head>\n<body>\n<main>\n<h1>" + escaped_markup(page.title) + "</h1>\n";
    out +=
        "<div class=\"row\">\n<div id=\"plot\"><canvas id=\"dots\" tabindex=\"0\" role=\"img\" "
        "aria-label=\"" +
        escaped_markup(page.title) +
        "\"></canvas><canvas id=\"ring\"></canvas><div id=\"tip\" role=\"status\" hidden></div>"
        "</div>\n<div id=\"key\">\n" +
        key_of(page.scatter.colouring) + "</div>\n</div>\n";
    out +=
        "<div class=\"talk\">\n" + captions +
        "<p>Point at a dot, or step with the arrow keys, to see its sample. The wheel zooms, "
        "dragging moves, a double click shows all. Directions and lengths of a map have no unit: "
        "what counts is who stands beside whom.</p>\n"
        "<noscript><p>This page draws with a script, and scripts are off.</p></noscript>\n";
    if (!page.pipeline.empty())
        out += "<details><summary>The pipeline that made this map</summary><pre>" +
               escaped_lines(page.pipeline) + "</pre></details>\n";
    out += "</div>\n</main>\n<script>\nconst map = " + data_of(page) + ";\n";
    out += map_script;
    return out + "</script>\n</body>\n</html>\n";
}

}  // namespace narrows::plugins
