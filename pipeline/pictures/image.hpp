// Pixels in memory, and the colours that values become. One rule: a colour is a pure function of
// its value, by multiplications and additions only, so that pictures are the same everywhere.
#pragma once

#include <cstdint>
#include <vector>

#include "pipeline/node.hpp"

namespace narrows::pictures {

struct Colour {
    std::uint8_t red = 0, green = 0, blue = 0;
    friend bool operator==(const Colour&, const Colour&) = default;
};

inline constexpr Colour white{255, 255, 255}, between{128, 128, 128};

class NARROWS_PUBLIC Image {
public:
    // Throws Error{Fault::usage} above 2^15 pixels a side or 2^28 in all.
    Image(std::int64_t width, std::int64_t height, Colour background);
    std::int64_t width() const { return width_; }
    std::int64_t height() const { return height_; }
    Colour at(std::int64_t x, std::int64_t y) const { return pixels_[index(x, y)]; }
    void set(std::int64_t x, std::int64_t y, Colour colour) { pixels_[index(x, y)] = colour; }
    void fill(std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height,
              Colour colour);
    const std::vector<Colour>& pixels() const { return pixels_; }  // row by row

private:
    std::size_t index(std::int64_t x, std::int64_t y) const {
        return static_cast<std::size_t>(y * width_ + x);
    }
    std::int64_t width_, height_;
    std::vector<Colour> pixels_;
};

enum class Colours : std::uint8_t { automatic, grey, field, diverging };

// The nearest of 256 levels to part `t` of the way from 0 to 1; held inside.
NARROWS_PUBLIC std::uint8_t level(double t);
// `t` of [0, 1]. grey: black to white. field: dark blue over green to yellow, ever lighter.
// diverging: blue, white at one half, red. A value that is no number is `between`.
NARROWS_PUBLIC Colour colour_of(Colours map, double t);

}  // namespace narrows::pictures
