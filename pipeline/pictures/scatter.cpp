#include "pipeline/pictures/scatter.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "pipeline/pictures/letters.hpp"

namespace narrows::pictures {
namespace {

// Pixels, of both kinds of picture.
constexpr std::int64_t side = 800, margin = 24, key_width = 190, line_height = 24;
constexpr std::int64_t swatch = 14, bar_height = 200;
constexpr std::int64_t key_lines = (side - 2 * margin) / line_height;
constexpr std::int64_t key_characters = 13;
constexpr int fine = 4;       // parts of a pixel's side
constexpr int opacity = 208;  // of 256
constexpr Colour ink{32, 36, 40}, faint{216, 220, 224};

struct KeyLine {
    std::string text;
    Colour colour;
};

// At most as many as fit; then one that says how many there are more.
std::vector<KeyLine> key_of(const Colouring& colouring) {
    std::vector<KeyLine> out;
    const auto all = static_cast<std::int64_t>(colouring.legend.size());
    const std::int64_t shown = all > key_lines ? key_lines - 1 : all;
    for (std::int64_t i = 0; i < shown; ++i) {
        const LegendEntry& entry = colouring.legend[static_cast<std::size_t>(i)];
        out.push_back({shortened(entry.text, key_characters), entry.colour});
    }
    if (shown < all) out.push_back({fmt::format("{} more", all - shown), white});
    return out;
}

bool has_key(const Colouring& colouring) {
    return !colouring.legend.empty() || colouring.values;
}
std::int64_t picture_width(const Scatter& s) {
    return side + (has_key(s.colouring) ? key_width : 0);
}
std::int64_t picture_height(const Scatter& s) {
    const auto lines = static_cast<std::int64_t>(s.caption.size());
    return side + (lines > 0 ? lines * line_height + margin / 2 : 0);
}

void blend(Image& image, std::int64_t x, std::int64_t y, Colour colour, int cover) {
    constexpr int all = fine * fine * 256;
    const int part = cover * opacity;
    const Colour below = image.at(x, y);
    const auto mixed = [&](std::uint8_t a, std::uint8_t b) {
        return static_cast<std::uint8_t>((a * (all - part) + b * part + all / 2) / all);
    };
    image.set(x, y,
              {mixed(below.red, colour.red), mixed(below.green, colour.green),
               mixed(below.blue, colour.blue)});
}

void draw_dot(Image& image, double x, double y, double radius, Colour colour) {
    const auto first_x = static_cast<std::int64_t>(x - radius);
    const auto first_y = static_cast<std::int64_t>(y - radius);
    for (std::int64_t row = first_y; row <= static_cast<std::int64_t>(y + radius); ++row)
        for (std::int64_t column = first_x; column <= static_cast<std::int64_t>(x + radius);
             ++column) {
            int cover = 0;
            for (int part = 0; part < fine * fine; ++part) {
                const double dx = static_cast<double>(column) + (part % fine + 0.5) / fine - x;
                const double dy = static_cast<double>(row) + (part / fine + 0.5) / fine - y;
                if (dx * dx + dy * dy <= radius * radius) ++cover;
            }
            if (cover > 0) blend(image, column, row, colour, cover);
        }
}

void draw_key(Image& image, const Colouring& colouring) {
    std::int64_t y = margin;
    for (const KeyLine& line : key_of(colouring)) {
        image.fill(side, y, swatch, swatch, line.colour);
        draw_text(image, side + swatch + 8, y, 2, ink, line.text);
        y += line_height;
    }
    if (!colouring.values) return;
    for (std::int64_t row = 0; row < bar_height; ++row)
        image.fill(side, margin + row, swatch, 1,
                   colour_of(Colours::field,
                             1 - static_cast<double>(row) / static_cast<double>(bar_height - 1)));
    const std::int64_t left = side + swatch + 8;
    draw_text(image, left, margin, 2, ink, fmt::format("{:.4g}", colouring.values->high));
    draw_text(image, left, margin + bar_height - 14, 2, ink,
              fmt::format("{:.4g}", colouring.values->low));
}

constexpr std::string_view svg_style =
    "<style>"
    "text{font:14px system-ui,sans-serif;fill:#202428}"
    ".page{fill:#ffffff}.frame{fill:none;stroke:#d8dce0}"
    ".dots{fill:none;stroke-linecap:round;stroke-opacity:.8}"
    "@media (prefers-color-scheme:dark){text{fill:#e4e8ec}.page{fill:#16191d}"
    ".frame{stroke:#3a4046}}"
    "</style>\n";

void add_dots(std::string& svg, const Scatter& s) {
    const std::vector<double> at = in_unit_square(s.points);
    // One path a colour, in the order in which colours first appear.
    std::map<std::string, std::size_t> place;
    std::vector<std::pair<std::string, std::string>> paths;
    for (std::size_t i = 0; i < s.colouring.colour.size(); ++i) {
        const std::string colour = hex(s.colouring.colour[i]);
        const auto [found, fresh] = place.emplace(colour, paths.size());
        if (fresh) paths.emplace_back(colour, "");
        paths[found->second].second +=
            fmt::format("M{:.1f} {:.1f}h0", at[2 * i] * side, at[2 * i + 1] * side);
    }
    svg += fmt::format("<g class=\"dots\" stroke-width=\"{:.1f}\">\n",
                       2 * dot_radius(s.colouring.colour.size(), side));
    for (const auto& [colour, path] : paths)
        svg += fmt::format("<path stroke=\"{}\" d=\"{}\"/>\n", colour, path);
    svg += "</g>\n";
}

void add_key(std::string& svg, const Colouring& colouring) {
    std::int64_t y = margin;
    const auto text = [&](std::int64_t top, const std::string& words) {
        svg += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", side + swatch + 8, top + 12,
                           escaped_markup(words));
    };
    for (const KeyLine& line : key_of(colouring)) {
        if (!(line.colour == white))
            svg += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\"/>\n",
                               side, y, swatch, swatch, hex(line.colour));
        text(y, line.text);
        y += line_height;
    }
    if (!colouring.values) return;
    svg += "<defs><linearGradient id=\"field\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"1\">";
    constexpr int stops = 11;
    for (int i = 0; i < stops; ++i)
        svg += fmt::format("<stop offset=\"{:.1f}\" stop-color=\"{}\"/>", i / 10.0,
                           hex(colour_of(Colours::field, 1 - i / 10.0)));
    svg += fmt::format(
        "</linearGradient></defs>\n<rect x=\"{}\" y=\"{}\" width=\"{}\" "
        "height=\"{}\" fill=\"url(#field)\"/>\n",
        side, margin, swatch, bar_height);
    text(margin, fmt::format("{:.4g}", colouring.values->high));
    text(margin + bar_height - swatch, fmt::format("{:.4g}", colouring.values->low));
}

}  // namespace

double dot_radius(std::size_t points, double plot_side) {
    const double even =
        plot_side / std::sqrt(static_cast<double>(std::max<std::size_t>(points, 1)));
    return std::clamp(even / 4, plot_side / 500, plot_side / 130);
}

std::vector<double> in_unit_square(std::span<const float> points) {
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (std::size_t i = 0; i < points.size(); ++i) {
        low[i % 2] = std::min(low[i % 2], double{points[i]});
        high[i % 2] = std::max(high[i % 2], double{points[i]});
    }
    constexpr double edge = 0.04;
    const double width = std::max({high[0] - low[0], high[1] - low[1], 1e-30});
    const double factor = (1 - 2 * edge) / width;
    std::vector<double> out(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
        const double middle = (low[i % 2] + high[i % 2]) / 2;
        const double from_middle = (double{points[i]} - middle) * factor;
        out[i] = i % 2 == 0 ? 0.5 + from_middle : 0.5 - from_middle;
    }
    return out;
}

Image draw_scatter(const Scatter& s) {
    Image image(picture_width(s), picture_height(s), white);
    for (const std::int64_t edge : {std::int64_t{8}, side - 9}) {
        image.fill(8, edge, side - 16, 1, faint);
        image.fill(edge, 8, 1, side - 16, faint);
    }
    const std::vector<double> at = in_unit_square(s.points);
    const double radius = dot_radius(s.colouring.colour.size(), side);
    for (std::size_t i = 0; i < s.colouring.colour.size(); ++i)
        draw_dot(image, at[2 * i] * side, at[2 * i + 1] * side, radius, s.colouring.colour[i]);
    draw_key(image, s.colouring);
    std::int64_t y = side;
    for (const std::string& line : s.caption) {
        draw_text(image, margin, y, 2, ink,
                  shortened(line, (image.width() - 2 * margin) / (2 * letter_advance)));
        y += line_height;
    }
    return image;
}

std::string scatter_svg(const Scatter& s) {
    const std::int64_t width = picture_width(s), height = picture_height(s);
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" "
        "viewBox=\"0 0 {0} {1}\" role=\"img\">\n",
        width, height);
    if (!s.caption.empty())
        svg += fmt::format("<title>{}</title>\n", escaped_markup(s.caption.front()));
    svg += svg_style;
    svg += fmt::format("<rect class=\"page\" width=\"{}\" height=\"{}\"/>\n", width, height);
    svg += fmt::format("<rect class=\"frame\" x=\"8.5\" y=\"8.5\" width=\"{0}\" height=\"{0}\"/>\n",
                       side - 17);
    add_dots(svg, s);
    add_key(svg, s.colouring);
    std::int64_t y = side + 12;
    for (const std::string& line : s.caption) {
        svg += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", margin, y, escaped_markup(line));
        y += line_height;
    }
    return svg + "</svg>\n";
}

}  // namespace narrows::pictures
