// The parts of a chunk's stream, shared by both directions. Private to the room; FORMAT.md says
// what they are.
#pragma once

#include "pipeline/codec/chunk.hpp"
#include "pipeline/codec/grid.hpp"
#include "pipeline/codec/predict.hpp"

namespace narrows::codec {

inline constexpr std::uint16_t magic = 0x314e;   // "N1"
inline constexpr std::size_t checked_from = 10;  // magic and checksum stand before
inline constexpr std::uint8_t logarithmic = 1;   // flag: values are exp of what is predicted
inline constexpr std::uint8_t usual_grid = 2;    // flag: the model's grid
inline constexpr std::uint8_t all_rows = 4;      // flag: as many values as the chunk holds

std::uint64_t checksum(std::span<const std::byte> bytes);

// Values that are kept bit by bit: runs of places, and the bytes.
void put_exceptions(ByteWriter& out, std::span<const std::uint8_t> mask,
                    std::span<const std::byte> values, std::size_t value_bytes);
// Copies the values to their places; the mask of all `count` of them, empty where there are none.
std::vector<std::uint8_t> take_exceptions(ByteReader& in, std::size_t count,
                                          std::span<std::byte> values, std::size_t value_bytes);
// Runs of equal flags, from false on.
void put_flags(ByteWriter& out, std::span<const std::uint8_t> flags);
void take_flags(ByteReader& in, std::span<std::uint8_t> flags);

// Planes, lines and columns of values with so many rows.
struct FieldShape {
    std::size_t planes = 1, lines = 1, columns = 1;
};
FieldShape field_of(const Shape& shape);
// Differences along 1, 2 or 3 axes (Ibarria and others 2003), the last ones first; `axes` with bit
// 2 set: along the first axis only.
StencilModel differences(std::uint8_t axes);
inline constexpr std::uint8_t along_rows = 4;  // as `axes`

// Images: bytes as multiples of an odd step, the nearest one.
inline constexpr std::size_t most_image_side = 4096;
inline std::uint32_t image_levels(std::uint32_t step) {
    return (255 + step / 2) / step + 1;
}

}  // namespace narrows::codec
