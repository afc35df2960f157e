// The map as one HTML page in which pointing at a dot shows its sample. One rule: the page needs
// nothing but itself - no network, no library - and says so to the browser.
#pragma once

#include "pipeline/pictures/scatter.hpp"

namespace narrows::plugins {

// Small pictures of all samples, in order, on PNG sheets.
struct Sprites {
    std::vector<std::string> sheets;                                 // PNG
    std::int64_t per_sheet = 0, columns = 0, width = 0, height = 0;  // of a picture, pixels
    bool curves = false;
};
// x [n, sample...] in units of the data; `bytes`: those are 0 to 255. Pictures of more than 64
// pixels a side are averaged down. No sheets where a sample is neither picture nor curve.
Sprites draw_sprites(const Shape& sample, std::span<const float> x, bool bytes);

struct MapPage {
    std::string title;
    pictures::Scatter scatter;
    std::vector<std::string> labels;  // of each point, or empty
    std::span<const std::int64_t> ids;
    Sprites sprites;
    std::string pipeline;  // that made it
};
std::string map_page(const MapPage& page);

}  // namespace narrows::plugins
