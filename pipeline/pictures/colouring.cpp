#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "pipeline/pictures/scatter.hpp"

namespace narrows::pictures {
namespace {

constexpr std::size_t most_classes = 60;
constexpr double shades = 64;  // of values: no more colours than the eye tells apart
// Told apart on white and on black, neighbours in the list most of all.
constexpr std::array hues{Colour{38, 115, 212},  Colour{235, 121, 28},  Colour{40, 158, 92},
                          Colour{214, 54, 62},   Colour{133, 88, 200},  Colour{150, 96, 62},
                          Colour{226, 104, 178}, Colour{120, 132, 144}, Colour{176, 168, 24},
                          Colour{24, 170, 192}};

// The hue as it is, darker, lighter.
Colour colour_of_class(std::size_t place) {
    const Colour c = hues[place % hues.size()];
    const auto mixed = [&](int other, int own, int all) {
        const auto one = [&](std::uint8_t value) {
            return static_cast<std::uint8_t>((value * own + other * (all - own)) / all);
        };
        return Colour{one(c.red), one(c.green), one(c.blue)};
    };
    const std::size_t shade = place / hues.size() % 3;
    return shade == 0 ? c : shade == 1 ? mixed(0, 5, 8) : mixed(255, 4, 8);
}

}  // namespace

Colouring one_colour(std::size_t points) {
    Colouring out;
    out.colour.assign(points, hues[0]);
    return out;
}

Colouring colour_classes(std::span<const std::int64_t> labels,
                         const std::vector<std::string>& names) {
    std::map<std::int64_t, std::int64_t> counts;
    for (const std::int64_t label : labels) ++counts[label];
    if (counts.size() > most_classes) {
        const std::vector<double> values(labels.begin(), labels.end());
        return colour_values(values);
    }
    Colouring out;
    std::map<std::int64_t, std::uint32_t> place;
    for (const auto& [label, count] : counts) {
        const bool named = label >= 0 && label < static_cast<std::int64_t>(names.size());
        place[label] = static_cast<std::uint32_t>(out.legend.size());
        out.legend.push_back(
            {named ? names[static_cast<std::size_t>(label)] : std::to_string(label),
             colour_of_class(out.legend.size()), count});
    }
    for (const std::int64_t label : labels) {
        out.entry.push_back(place[label]);
        out.colour.push_back(out.legend[place[label]].colour);
    }
    return out;
}

Colouring colour_values(std::span<const double> values) {
    Colouring out;
    Range range{INFINITY, -INFINITY};
    for (const double value : values) {
        if (!std::isfinite(value)) continue;
        range.low = std::min(range.low, value);
        range.high = std::max(range.high, value);
    }
    if (!(range.low <= range.high)) range = {0, 1};
    out.values = range;
    const double width = range.high > range.low ? range.high - range.low : 1;
    for (const double value : values) {
        if (!std::isfinite(value)) {
            out.colour.push_back(between);
            continue;
        }
        const double part = std::floor((value - range.low) / width * (shades - 1) + 0.5);
        out.colour.push_back(colour_of(Colours::field, part / (shades - 1)));
    }
    return out;
}

std::string hex(const Colour& c) {
    return fmt::format("#{:02x}{:02x}{:02x}", c.red, c.green, c.blue);
}

std::string escaped_markup(std::string_view text) {
    std::string out;
    for (const char c : text) switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
        }
    return out;
}

}  // namespace narrows::pictures
