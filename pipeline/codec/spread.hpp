// How a layer's inputs lie in what stands before it: all of it, or patches of a grid that is first
// made finer (nearest) or looked at in strides. Shared by training in floats and decoding in
// integers. Private to the room.
#pragma once

#include <cstddef>

namespace narrows::codec {

struct Spread {
    std::size_t lines = 1, columns = 1, channels = 1;  // of the grid before; channels are last
    std::size_t side = 1, up = 1, stride = 1;          // side: 1, or 3 with one around the middle
    static constexpr std::size_t outside = ~std::size_t{0};

    std::size_t lines_out() const { return (lines * up + stride - 1) / stride; }
    std::size_t columns_out() const { return (columns * up + stride - 1) / stride; }
    std::size_t places() const { return lines_out() * columns_out(); }
    std::size_t inputs() const { return side * side * channels; }
    std::size_t values() const { return lines * columns * channels; }
    bool is_plain() const { return side == 1 && up == 1 && stride == 1; }
    // The cell before that tap `tap` of a place looks at.
    std::size_t cell(std::size_t line, std::size_t column, std::size_t tap) const {
        const std::size_t middle = side / 2;
        const std::size_t l = line * stride + tap / side, c = column * stride + tap % side;
        if (l < middle || c < middle || l - middle >= lines * up || c - middle >= columns * up)
            return outside;
        return (l - middle) / up * columns + (c - middle) / up;
    }
};

// Calls body(place, tap, cell) for all that is not outside.
template <class Body>
void each_tap(const Spread& spread, const Body& body) {
    for (std::size_t line = 0; line < spread.lines_out(); ++line)
        for (std::size_t column = 0; column < spread.columns_out(); ++column)
            for (std::size_t tap = 0; tap < spread.side * spread.side; ++tap) {
                const std::size_t cell = spread.cell(line, column, tap);
                if (cell != Spread::outside) body(line * spread.columns_out() + column, tap, cell);
            }
}

}  // namespace narrows::codec
