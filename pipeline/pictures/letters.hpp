// Words in pictures: letters of 5 x 7 dots, for legends and captions. Latin letters, digits and
// common marks; every other character is drawn as a box.
#pragma once

#include <string_view>

#include "pipeline/pictures/image.hpp"

namespace narrows::pictures {

inline constexpr std::int64_t letter_advance = 6, letter_height = 7;  // dots

// Characters of a UTF-8 text.
NARROWS_PUBLIC std::int64_t character_count(std::string_view text);
// The text up to so many characters; a cut one ends in "..".
NARROWS_PUBLIC std::string shortened(std::string_view text, std::int64_t characters);
// Top left corner at (x, y), `scale` pixels a dot; what lies outside the picture is not drawn.
NARROWS_PUBLIC void draw_text(Image& image, std::int64_t x, std::int64_t y, std::int64_t scale,
                              Colour colour, std::string_view text);

}  // namespace narrows::pictures
