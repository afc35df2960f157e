#include "pipeline/pictures/grid.hpp"

#include <algorithm>
#include <cmath>

#include "pipeline/pictures/plot.hpp"

namespace narrows::pictures {
namespace {

constexpr std::int64_t gap = grid_gap, band_gap = 6;  // pixels, the latter between pairs
constexpr std::int64_t fair_side = 56;                // small pictures are enlarged to this
constexpr std::int64_t plot_width = 220, plot_height = 90, widest_plot = 640;
constexpr Colour first_curve{70, 92, 128}, second_curve{226, 104, 32};

// Holds finite values only: what is no number has no part in a range.
Range range_of(std::span<const float> values) {
    Range range{INFINITY, -INFINITY};
    for (const float value : values) {
        if (!std::isfinite(value)) continue;
        range.low = std::min(range.low, static_cast<double>(value));
        range.high = std::max(range.high, static_cast<double>(value));
    }
    if (range.low > range.high) return {0, 1};
    return range;
}

Range widened(Range range) {
    if (range.low == range.high) range = {range.low - 0.5, range.high + 0.5};
    return range;
}

Range about_zero(const Range& range) {
    const double most = std::max(std::abs(range.low), std::abs(range.high));
    return most > 0 ? Range{-most, most} : Range{-1, 1};
}

struct Box {  // rows and columns of a picture that are drawn
    std::int64_t top = 0, left = 0, rows = 0, columns = 0;
};

class Grid {
public:
    Grid(const GridOptions& options, std::span<const float> x, std::span<const float> below)
        : o_(options),
          layout_(layout_of(options.sample, options.style)),
          size_(static_cast<std::size_t>(options.sample.elements())),
          count_(static_cast<std::int64_t>(x.size() / size_)),
          x_(x),
          below_(below),
          box_{0, 0, layout_.rows, layout_.columns} {
        if (o_.crop && !layout_.curves) crop();
        choose_colours();
        choose_cells();
    }

    Drawn draw() const {
        const std::int64_t rows = (count_ + columns_ - 1) / columns_;
        const std::int64_t apart = paired() ? band_gap : gap;
        Image image(columns_ * (cell_width_ + gap) + gap,
                    rows * (cell_height() + apart) - apart + 2 * gap, between);
        for (std::int64_t i = 0; i < count_; ++i) {
            const std::int64_t left = gap + i % columns_ * (cell_width_ + gap);
            const std::int64_t top = gap + i / columns_ * (cell_height() + apart);
            const float* x = x_.data() + static_cast<std::size_t>(i) * size_;
            const float* below =
                below_.empty() ? nullptr : below_.data() + static_cast<std::size_t>(i) * size_;
            if (layout_.curves) {
                draw_curves(image, left, top, x, below);
                continue;
            }
            draw_picture(image, left, top, x);
            if (below) draw_picture(image, left, top + cell_height_ + gap, below);
        }
        return {std::move(image), range_, name()};
    }

private:
    bool paired() const { return !below_.empty() && !layout_.curves; }
    std::int64_t cell_height() const { return paired() ? 2 * cell_height_ + gap : cell_height_; }

    std::string_view name() const {
        if (layout_.curves) return "curves";
        if (colours_ == Colours::diverging) return "diverging";
        if (layout_.channels == 3) return "colour";
        return colours_ == Colours::field ? "field" : "grey";
    }

    std::size_t place(std::int64_t row, std::int64_t column, std::int64_t channel) const {
        const std::int64_t pixel = row * layout_.columns + column;
        return static_cast<std::size_t>(layout_.channels_first
                                            ? channel * layout_.rows * layout_.columns + pixel
                                            : pixel * layout_.channels + channel);
    }

    void crop() {
        std::int64_t top = layout_.rows, bottom = -1, left = layout_.columns, right = -1;
        for (std::int64_t i = 0; i < count_; ++i)
            for (std::int64_t row = 0; row < layout_.rows; ++row)
                for (std::int64_t column = 0; column < layout_.columns; ++column)
                    for (std::int64_t channel = 0; channel < layout_.channels; ++channel) {
                        if (x_[static_cast<std::size_t>(i) * size_ + place(row, column, channel)] ==
                            0)
                            continue;
                        top = std::min(top, row);
                        bottom = std::max(bottom, row);
                        left = std::min(left, column);
                        right = std::max(right, column);
                    }
        if (bottom >= top) box_ = {top, left, bottom - top + 1, right - left + 1};
    }

    void choose_colours() {
        colours_ = o_.colours;
        Range seen = range_of(x_);
        if (layout_.curves) {  // nothing is cut off
            const Range other = below_.empty() ? seen : range_of(below_);
            seen = {std::min(seen.low, other.low), std::max(seen.high, other.high)};
            range_ = o_.range.value_or(widened(seen));
            return;
        }
        if (colours_ == Colours::automatic) {
            const bool unit = seen.low >= 0 && seen.high <= 1;
            const bool grey = o_.expected || unit || layout_.channels == 3;
            colours_ = grey ? Colours::grey : Colours::field;
            if (grey && !o_.range) {
                range_ = o_.expected.value_or(unit ? Range{0, 1} : widened(seen));
                return;
            }
        }
        range_ =
            o_.range.value_or(colours_ == Colours::diverging ? about_zero(seen) : widened(seen));
    }

    void choose_cells() {
        if (layout_.curves) {
            cell_width_ = std::clamp(layout_.columns, plot_width, widest_plot);
            cell_height_ = layout_.channels * (plot_height + 1) - 1;
        } else {
            const std::int64_t side = std::max(box_.rows, box_.columns);
            scale_ =
                o_.scale > 0 ? o_.scale : std::max<std::int64_t>(1, (fair_side + side - 1) / side);
            cell_width_ = box_.columns * scale_;
            cell_height_ = box_.rows * scale_;
        }
        columns_ = o_.columns > 0 ? std::min(o_.columns, count_) : fair_columns();
    }

    // About as wide as high; up to twice as many where that leaves no gaps in the last row.
    std::int64_t fair_columns() const {
        const double ratio = static_cast<double>(cell_height()) / static_cast<double>(cell_width_);
        const auto fair = std::clamp<std::int64_t>(
            static_cast<std::int64_t>(std::sqrt(static_cast<double>(count_) * ratio) + 0.5), 1,
            count_);
        for (std::int64_t columns = fair; columns <= std::min(count_, 2 * fair); ++columns)
            if (count_ % columns == 0) return columns;
        return fair;
    }

    Range own_range(const float* values) const {
        if (!o_.each) return range_;
        const Range seen = range_of({values, size_});
        return colours_ == Colours::diverging && !layout_.curves ? about_zero(seen) : widened(seen);
    }

    void draw_picture(Image& image, std::int64_t left, std::int64_t top,
                      const float* values) const {
        const Range range = own_range(values);
        const double width = range.high - range.low;
        const auto part = [&](std::int64_t row, std::int64_t column, std::int64_t channel) {
            return (static_cast<double>(values[place(row, column, channel)]) - range.low) / width;
        };
        for (std::int64_t row = 0; row < box_.rows; ++row)
            for (std::int64_t column = 0; column < box_.columns; ++column) {
                const std::int64_t r = row + box_.top, c = column + box_.left;
                const double first = part(r, c, 0);
                Colour colour = colour_of(colours_, first);
                if (layout_.channels == 3) {
                    const double second = part(r, c, 1), third = part(r, c, 2);
                    const bool numbers = !std::isnan(first + second + third);
                    colour = numbers ? Colour{level(first), level(second), level(third)} : between;
                }
                image.fill(left + column * scale_, top + row * scale_, scale_, scale_, colour);
            }
    }

    void draw_curves(Image& image, std::int64_t left, std::int64_t top, const float* x,
                     const float* below) const {
        Range range = own_range(x);
        const double margin = (range.high - range.low) / 20;
        for (std::int64_t channel = 0; channel < layout_.channels; ++channel) {
            const Frame frame{left,
                              top + channel * (plot_height + 1),
                              cell_width_,
                              plot_height,
                              range.low - margin,
                              range.high + margin};
            draw_frame(image, frame);
            const auto count = static_cast<std::size_t>(layout_.columns);
            const auto stride = static_cast<std::size_t>(layout_.channels);
            draw_curve(image, frame, x + channel, count, stride, first_curve);
            if (below) draw_curve(image, frame, below + channel, count, stride, second_curve);
        }
    }

    const GridOptions& o_;
    SampleLayout layout_;
    std::size_t size_;
    std::int64_t count_;
    std::span<const float> x_, below_;
    Box box_;
    Colours colours_ = Colours::grey;
    Range range_;
    std::int64_t scale_ = 1, cell_width_ = 0, cell_height_ = 0, columns_ = 1;
};

}  // namespace

Drawn draw_grid(const GridOptions& options, std::span<const float> x,
                std::span<const float> below) {
    return Grid(options, x, below).draw();
}

}  // namespace narrows::pictures
