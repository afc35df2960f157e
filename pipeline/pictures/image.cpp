#include "pipeline/pictures/image.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace narrows::pictures {
namespace {

constexpr std::int64_t longest_side = 1 << 15, most_pixels = 1 << 28;

// Lightness grows evenly from stop to stop, so that the map also reads in grey.
constexpr std::array field_stops{Colour{38, 8, 78},    Colour{52, 58, 130},  Colour{40, 116, 140},
                                 Colour{52, 170, 118}, Colour{140, 212, 82}, Colour{248, 238, 72}};
constexpr std::array diverging_stops{Colour{24, 66, 148}, Colour{122, 168, 214}, white,
                                     Colour{226, 138, 116}, Colour{160, 20, 40}};

std::uint8_t mix(std::uint8_t a, std::uint8_t b, double part) {
    return static_cast<std::uint8_t>(a + (static_cast<double>(b) - a) * part + 0.5);
}

template <std::size_t N>
Colour along(const std::array<Colour, N>& stops, double t) {
    const double at = t * static_cast<double>(N - 1);
    const std::size_t i = std::min(static_cast<std::size_t>(at), N - 2);
    const double part = at - static_cast<double>(i);
    return {mix(stops[i].red, stops[i + 1].red, part),
            mix(stops[i].green, stops[i + 1].green, part),
            mix(stops[i].blue, stops[i + 1].blue, part)};
}

}  // namespace

Image::Image(std::int64_t width, std::int64_t height, Colour background)
    : width_(width), height_(height) {
    if (width < 1 || height < 1 || width > longest_side || height > longest_side ||
        width * height > most_pixels)
        throw Error(Fault::usage,
                    fmt::format("a picture of {} x {} pixels is too large", width, height),
                    "draw fewer samples, or other columns");
    pixels_.assign(static_cast<std::size_t>(width * height), background);
}

void Image::fill(std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height,
                 Colour colour) {
    for (std::int64_t row = y; row < y + height; ++row)
        std::fill_n(pixels_.begin() + row * width_ + x, width, colour);
}

std::uint8_t level(double t) {
    return static_cast<std::uint8_t>(std::clamp(t, 0.0, 1.0) * 255 + 0.5);
}

Colour colour_of(Colours map, double t) {
    if (std::isnan(t)) return between;
    t = std::clamp(t, 0.0, 1.0);
    if (map == Colours::field) return along(field_stops, t);
    if (map == Colours::diverging) return along(diverging_stops, t);
    return {level(t), level(t), level(t)};
}

}  // namespace narrows::pictures
