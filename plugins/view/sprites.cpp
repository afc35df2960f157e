#include <algorithm>
#include <cmath>

#include "pipeline/pictures/png.hpp"
#include "plugins/view/map_page.hpp"

namespace narrows::plugins {
namespace {

using pictures::Colours, pictures::GridOptions, pictures::Range, pictures::SampleLayout;

constexpr std::int64_t widest = 64;  // pixels of a picture's side
constexpr std::int64_t picture_columns = 32, curve_columns = 8;
constexpr std::int64_t picture_rows = 32, curve_rows = 16;

// What the samples are as pictures or curves; nullopt: neither.
std::optional<SampleLayout> drawable(const Shape& sample) {
    try {
        return pictures::layout_of(sample, pictures::Style::automatic);
    } catch (const Error&) {
        return std::nullopt;
    }
}

// Means of squares of `factor` values a side, channels last; what is over at the edges is left out.
std::vector<float> averaged(const SampleLayout& layout, std::int64_t factor,
                            std::span<const float> x) {
    const std::int64_t rows = layout.rows / factor, columns = layout.columns / factor;
    const std::int64_t size = layout.rows * layout.columns * layout.channels;
    const std::int64_t count = static_cast<std::int64_t>(x.size()) / size;
    std::vector<float> out;
    out.reserve(static_cast<std::size_t>(count * rows * columns * layout.channels));
    const auto at = [&](std::int64_t i, std::int64_t row, std::int64_t column,
                        std::int64_t channel) {
        const std::int64_t pixel = row * layout.columns + column;
        const std::int64_t place = layout.channels_first
                                       ? channel * layout.rows * layout.columns + pixel
                                       : pixel * layout.channels + channel;
        return double{x[static_cast<std::size_t>(i * size + place)]};
    };
    for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t column = 0; column < columns; ++column)
                for (std::int64_t channel = 0; channel < layout.channels; ++channel) {
                    double sum = 0;
                    for (std::int64_t part = 0; part < factor * factor; ++part)
                        sum += at(i, row * factor + part / factor, column * factor + part % factor,
                                  channel);
                    out.push_back(static_cast<float>(sum / static_cast<double>(factor * factor)));
                }
    return out;
}

// One meaning of colours for all sheets.
void choose_range(GridOptions& options, const SampleLayout& layout, std::span<const float> x,
                  bool bytes) {
    Range range{INFINITY, -INFINITY};
    for (const float value : x) {
        if (!std::isfinite(value)) continue;
        range.low = std::min(range.low, double{value});
        range.high = std::max(range.high, double{value});
    }
    if (!(range.low < range.high)) range = {range.low - 0.5, range.low + 0.5};
    const bool unit = range.low >= 0 && range.high <= 1;
    if (!layout.curves && (unit || bytes)) range = {0, unit ? 1.0 : 255.0};
    options.range = range;
    options.colours = unit || bytes || layout.channels == 3 ? Colours::grey : Colours::field;
}

}  // namespace

Sprites draw_sprites(const Shape& sample, std::span<const float> x, bool bytes) {
    Sprites out;
    const std::optional<SampleLayout> layout = drawable(sample);
    if (!layout) return out;
    GridOptions options;
    options.sample = sample;
    options.scale = 1;
    out.curves = layout->curves;
    out.columns = options.columns = layout->curves ? curve_columns : picture_columns;
    out.per_sheet = out.columns * (layout->curves ? curve_rows : picture_rows);
    choose_range(options, *layout, x, bytes);
    const std::int64_t side = std::max(layout->rows, layout->columns);
    const std::int64_t factor = layout->curves ? 1 : (side + widest - 1) / widest;
    if (factor > std::min(layout->rows, layout->columns)) return out;
    const auto size = static_cast<std::size_t>(sample.elements());
    if (factor > 1) {
        options.sample = {layout->rows / factor, layout->columns / factor};
        if (layout->channels > 1) options.sample.push_back(layout->channels);
    }
    for (std::size_t first = 0; first * size < x.size();
         first += static_cast<std::size_t>(out.per_sheet)) {
        const std::size_t count =
            std::min(x.size() / size - first, static_cast<std::size_t>(out.per_sheet));
        std::span<const float> own = x.subspan(first * size, count * size);
        std::vector<float> small;
        if (factor > 1) own = small = averaged(*layout, factor, own);
        // A last sheet of less than a row keeps its places: it is drawn in so many columns.
        const pictures::Drawn drawn = pictures::draw_grid(options, own, {});
        const auto columns = std::min(out.columns, static_cast<std::int64_t>(count));
        out.width = (drawn.image.width() - pictures::grid_gap) / columns - pictures::grid_gap;
        const std::int64_t rows = (static_cast<std::int64_t>(count) + columns - 1) / columns;
        out.height = (drawn.image.height() - pictures::grid_gap) / rows - pictures::grid_gap;
        out.sheets.push_back(pictures::encode_png(drawn.image));
    }
    return out;
}

}  // namespace narrows::plugins
