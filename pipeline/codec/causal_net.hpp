// A causal (masked) network over images: from the pixels that come before, in the rows above and to
// the left, it gives each pixel's distribution, a mixture of discretised logistics (Salimans and
// others 2017). One rule: what the decoder runs is integers only - 16-bit weights, sums of 32 bits,
// tables that are made of our own exponential - so that the probabilities are the same on every
// machine.
#pragma once

#include <array>

#include "pipeline/codec/bytes.hpp"

namespace narrows::codec {

inline constexpr std::int32_t net_reach = 6;  // pixels to the left, and right of those above
inline constexpr std::size_t net_components = 4;
inline constexpr std::size_t net_outputs = 3 * net_components;  // weights, means, widths
inline constexpr std::size_t net_lanes = 32;                    // images side by side
inline constexpr std::int32_t net_one = 256;                    // 1.0 of inputs and activations
inline constexpr std::int32_t net_weight_one = 1024;            // 1.0 of weights
inline constexpr std::int32_t net_most = 4095;                  // of activations and weights

struct NetLayer {
    std::size_t inputs = 0, outputs = 0;
    std::vector<std::int32_t> weights;  // [outputs, inputs]
    std::vector<std::int32_t> bias;     // [outputs], in weight units times activation units
};

// [inputs][net_lanes] -> [outputs][net_lanes]. Sums stay within 32 bits where the parts of a model
// are within what reading it asks for.
void run_layer(const NetLayer& layer, bool last, const std::int32_t* in, std::int32_t* out);

struct NetModel {
    std::array<NetLayer, 3> layers;
};

struct NetOffset {
    std::int32_t line, column;
};
// What a pixel is predicted from, in the order of the first layer's inputs; two more say where it
// is.
std::span<const NetOffset> net_offsets();
inline std::size_t net_inputs() {
    return net_offsets().size() + 2;
}

// Where in an image, as an input: from -1 to 1.
inline std::int32_t net_place(std::size_t at, std::size_t extent) {
    return static_cast<std::int32_t>((2 * at + 1) * net_one / extent) - net_one;
}
// A pixel as an input.
inline std::int32_t net_pixel(std::int32_t value) {
    return 2 * (value - 128);
}

// The distribution of one pixel as whole numbers.
struct PixelMixture {
    std::uint32_t share[net_components];  // sum below 65536 - 256
    std::int32_t mean[net_components];    // in 1/64
    std::int64_t slope[net_components];   // in 2^-14 of table steps for 1/64
    // Shares of all values below `value`, of 65536; 0 < value.
    std::uint32_t below(std::uint32_t value) const;
};
// `out` as the last layer gives it; `base` a first guess.
PixelMixture mixture_of(const std::int32_t* out, std::size_t stride, std::int32_t base);
// Left, above, or the plane through three neighbours (Weinberger and others 2000).
inline std::int32_t median_guess(std::int32_t left, std::int32_t up, std::int32_t corner) {
    const std::int32_t low = left < up ? left : up, high = left < up ? up : left;
    return corner >= high ? low : corner <= low ? high : left + up - corner;
}

// Codes images [images, lines, columns] of values below `levels` that stand for value * step.
struct ImageShape {
    std::size_t images, lines, columns;
    std::uint32_t levels = 256, step = 1;
};
Bytes encode_images(const NetModel& model, const ImageShape& shape,
                    std::span<const std::uint8_t> values);
// Throws Damaged.
void decode_images(const NetModel& model, const ImageShape& shape,
                   std::span<const std::byte> stream, std::span<std::uint8_t> values);

}  // namespace narrows::codec
