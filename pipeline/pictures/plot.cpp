#include "pipeline/pictures/plot.hpp"

#include <algorithm>
#include <cmath>

namespace narrows::pictures {
namespace {

// Curves are drawn four times as fine in both directions and averaged: no stairs.
constexpr std::int64_t fine = 4, pen = 5;

// How many of a pixel's fine parts the curve covers.
class Mask {
public:
    Mask(std::int64_t width, std::int64_t height)
        : width_(width * fine),
          height_(height * fine),
          covered_(static_cast<std::size_t>(width_ * height_)) {}

    void dot(std::int64_t x, std::int64_t y) {
        for (std::int64_t row = std::max<std::int64_t>(0, y - pen / 2);
             row <= std::min(height_ - 1, y + pen / 2); ++row)
            for (std::int64_t column = std::max<std::int64_t>(0, x - pen / 2);
                 column <= std::min(width_ - 1, x + pen / 2); ++column)
                covered_[static_cast<std::size_t>(row * width_ + column)] = 1;
    }
    // Bresenham's line.
    void line(std::int64_t x, std::int64_t y, std::int64_t to_x, std::int64_t to_y) {
        const std::int64_t dx = std::abs(to_x - x), dy = -std::abs(to_y - y);
        const std::int64_t step_x = x < to_x ? 1 : -1, step_y = y < to_y ? 1 : -1;
        std::int64_t error = dx + dy;
        for (;;) {
            dot(x, y);
            if (x == to_x && y == to_y) return;
            const std::int64_t twice = 2 * error;
            if (twice >= dy) error += dy, x += step_x;
            if (twice <= dx) error += dx, y += step_y;
        }
    }
    int cover(std::int64_t x, std::int64_t y) const {
        int sum = 0;
        for (std::int64_t row = y * fine; row < (y + 1) * fine; ++row)
            for (std::int64_t column = x * fine; column < (x + 1) * fine; ++column)
                sum += covered_[static_cast<std::size_t>(row * width_ + column)];
        return sum;
    }

private:
    std::int64_t width_, height_;
    std::vector<std::uint8_t> covered_;
};

std::uint8_t over(std::uint8_t below, std::uint8_t above, int cover) {
    constexpr int all = fine * fine;
    return static_cast<std::uint8_t>((below * (all - cover) + above * cover + all / 2) / all);
}

// From the top down, in fine parts.
std::int64_t height_of(const Frame& frame, double value) {
    const double part = std::clamp((value - frame.low) / (frame.high - frame.low), 0.0, 1.0);
    return static_cast<std::int64_t>((1 - part) * static_cast<double>(frame.height * fine - 1) +
                                     0.5);
}

}  // namespace

void draw_frame(Image& image, const Frame& frame) {
    image.fill(frame.x, frame.y, frame.width, frame.height, white);
    if (frame.low < 0 && frame.high > 0)
        image.fill(frame.x, frame.y + height_of(frame, 0) / fine, frame.width, 1, {214, 214, 214});
}

void draw_curve(Image& image, const Frame& frame, const float* values, std::size_t count,
                std::size_t stride, Colour colour) {
    Mask mask(frame.width, frame.height);
    const std::int64_t right = frame.width * fine - 1;
    const auto last = static_cast<std::int64_t>(count) - 1;
    bool open = false;
    std::int64_t before_x = 0, before_y = 0;
    for (std::int64_t i = 0; i <= last; ++i) {
        const auto value = static_cast<double>(values[static_cast<std::size_t>(i) * stride]);
        const bool number = std::isfinite(value);
        const std::int64_t x = last == 0 ? right / 2 : right * i / last;
        const std::int64_t y = number ? height_of(frame, value) : 0;
        if (number && open)
            mask.line(before_x, before_y, x, y);
        else if (number)
            mask.dot(x, y);
        open = number;
        before_x = x;
        before_y = y;
    }
    for (std::int64_t y = 0; y < frame.height; ++y)
        for (std::int64_t x = 0; x < frame.width; ++x) {
            const int cover = mask.cover(x, y);
            if (cover == 0) continue;
            const Colour below = image.at(frame.x + x, frame.y + y);
            image.set(frame.x + x, frame.y + y,
                      {over(below.red, colour.red, cover), over(below.green, colour.green, cover),
                       over(below.blue, colour.blue, cover)});
        }
}

}  // namespace narrows::pictures
