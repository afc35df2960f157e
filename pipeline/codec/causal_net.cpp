#include "pipeline/codec/causal_net.hpp"

#include <algorithm>

#include "pipeline/codec/rans.hpp"
#include "pipeline/simd/scalar.hpp"

// Sums of integers are the same however they are vectorised: the compiler may do it for each level.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define NARROWS_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define NARROWS_CLONES
#endif

namespace narrows::codec {

// [inputs][lanes] -> [outputs][lanes]; four outputs together share what they load.
NARROWS_CLONES void run_layer(const NetLayer& layer, bool last, const std::int32_t* in,
                              std::int32_t* out);

void run_layer(const NetLayer& layer, bool last, const std::int32_t* in, std::int32_t* out) {
    constexpr std::size_t together = 4;
    for (std::size_t first = 0; first < layer.outputs; first += together) {
        std::int32_t sums[together][net_lanes];
        const std::int32_t* weights[together];
        for (std::size_t o = 0; o < together; ++o) {
            const std::size_t output = std::min(first + o, layer.outputs - 1);
            weights[o] = layer.weights.data() + output * layer.inputs;
            for (std::size_t lane = 0; lane < net_lanes; ++lane) sums[o][lane] = layer.bias[output];
        }
        for (std::size_t i = 0; i < layer.inputs; ++i) {
            const std::int32_t* const x = in + i * net_lanes;
            for (std::size_t o = 0; o < together; ++o) {
                const std::int32_t w = weights[o][i];
                for (std::size_t lane = 0; lane < net_lanes; ++lane) sums[o][lane] += w * x[lane];
            }
        }
        for (std::size_t o = 0; o < std::min(together, layer.outputs - first); ++o)
            for (std::size_t lane = 0; lane < net_lanes; ++lane) {
                const std::int32_t value = sums[o][lane] >> 10;  // net_weight_one
                out[(first + o) * net_lanes + lane] = last               ? value
                                                      : value < 0        ? 0
                                                      : value > net_most ? net_most
                                                                         : value;
            }
    }
}

namespace {

constexpr std::int32_t table_one = 128, table_reach = 12;  // steps of 1; widest argument

// 2^(i / 256) in 1/2^14.
const std::array<std::uint32_t, 256>& powers() {
    static const std::array<std::uint32_t, 256> table = [] {
        std::array<std::uint32_t, 256> out{};
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<std::uint32_t>(
                simd::exponential(static_cast<double>(i) / 256 * 0.6931471805599453) * 16384 + 0.5);
        return out;
    }();
    return table;
}

// 65536 / (1 + exp(-z)), z from -12 to 12.
const std::vector<std::uint32_t>& logistic() {
    static const std::vector<std::uint32_t> table = [] {
        std::vector<std::uint32_t> out;
        for (std::int32_t z = -table_reach * table_one; z <= table_reach * table_one; ++z)
            out.push_back(static_cast<std::uint32_t>(
                65536 / (1 + simd::exponential(-static_cast<double>(z) / table_one)) + 0.5));
        return out;
    }();
    return table;
}

struct Padded {
    std::size_t wide, high;
    explicit Padded(const ImageShape& shape)
        : wide(shape.columns + 2 * static_cast<std::size_t>(net_reach)),
          high(shape.lines + static_cast<std::size_t>(net_reach)) {}
    std::size_t at(std::size_t line, std::size_t column) const {
        return (line + static_cast<std::size_t>(net_reach)) * wide + column +
               static_cast<std::size_t>(net_reach);
    }
};

// Image by image in lanes: a block of images, pixel by pixel; `code` says what a pixel is.
template <class Code>
void through_images(const NetModel& model, const ImageShape& shape, std::span<std::uint8_t> values,
                    const Code& code) {
    const Padded padded(shape);
    const auto offsets = net_offsets();
    const std::size_t pixels = shape.lines * shape.columns;
    std::vector<std::ptrdiff_t> back;
    for (const NetOffset& o : offsets)
        back.push_back(
            (static_cast<std::ptrdiff_t>(o.line) * static_cast<std::ptrdiff_t>(padded.wide) +
             o.column) *
            static_cast<std::ptrdiff_t>(net_lanes));
    std::vector<std::int32_t> inputs(net_inputs() * net_lanes),
        first(model.layers[0].outputs * net_lanes), second(model.layers[1].outputs * net_lanes),
        out(model.layers[2].outputs * net_lanes);
    const auto step = static_cast<std::int32_t>(shape.step);
    for (std::size_t block = 0; block < shape.images; block += net_lanes) {
        const std::size_t lanes = std::min(net_lanes, shape.images - block);
        std::vector<std::int32_t> seen(padded.high * padded.wide * net_lanes, net_pixel(0));
        for (std::size_t line = 0; line < shape.lines; ++line)
            for (std::size_t column = 0; column < shape.columns; ++column) {
                std::int32_t* const here = seen.data() + padded.at(line, column) * net_lanes;
                for (std::size_t i = 0; i < offsets.size(); ++i)
                    std::copy_n(here + back[i], net_lanes, inputs.data() + i * net_lanes);
                std::fill_n(inputs.data() + offsets.size() * net_lanes, net_lanes,
                            net_place(line, shape.lines));
                std::fill_n(inputs.data() + (offsets.size() + 1) * net_lanes, net_lanes,
                            net_place(column, shape.columns));
                run_layer(model.layers[0], false, inputs.data(), first.data());
                run_layer(model.layers[1], false, first.data(), second.data());
                run_layer(model.layers[2], true, second.data(), out.data());
                const std::int32_t *const left = here - net_lanes,
                                          *const up = here - padded.wide * net_lanes,
                                          *const corner = up - net_lanes;
                for (std::size_t lane = 0; lane < lanes; ++lane) {
                    const auto level = [&](std::int32_t pixel) { return (pixel / 2 + 128) / step; };
                    const std::int32_t base =
                        median_guess(level(left[lane]), level(up[lane]), level(corner[lane]));
                    std::uint8_t& value =
                        values[(block + lane) * pixels + line * shape.columns + column];
                    code(mixture_of(out.data() + lane, net_lanes, base), value);
                    here[lane] = net_pixel(value * step);
                }
            }
    }
}

}  // namespace

std::span<const NetOffset> net_offsets() {
    static const std::vector<NetOffset> offsets = [] {
        std::vector<NetOffset> out;
        for (std::int32_t column = 1; column <= 6; ++column) out.push_back({0, -column});
        constexpr std::int32_t reach[] = {5, 4, 3, 2, 1};
        for (std::int32_t line = 1; line <= 5; ++line)
            for (std::int32_t column = -reach[line - 1]; column <= reach[line - 1]; ++column)
                out.push_back({-line, column});
        return out;
    }();
    return offsets;
}

std::uint32_t PixelMixture::below(std::uint32_t value) const {
    constexpr std::int64_t most = table_reach * table_one;
    const std::vector<std::uint32_t>& table = logistic();
    std::uint64_t sum = 0;
    const auto place = static_cast<std::int32_t>(64 * value) - 32;  // between value - 1 and value
    for (std::size_t k = 0; k < net_components; ++k) {
        const std::int64_t z =
            std::clamp<std::int64_t>((place - mean[k]) * slope[k] >> 14, -most, most);
        sum += static_cast<std::uint64_t>(share[k]) * table[static_cast<std::size_t>(z + most)];
    }
    return value + static_cast<std::uint32_t>(sum >> 16);
}

PixelMixture mixture_of(const std::int32_t* out, std::size_t stride, std::int32_t base) {
    PixelMixture mixture;
    std::int32_t largest = out[0];
    for (std::size_t k = 1; k < net_components; ++k) largest = std::max(largest, out[k * stride]);
    std::uint32_t sum = 0;
    for (std::size_t k = 0; k < net_components; ++k) {
        const std::int32_t exponent = std::max(out[k * stride] - largest, -13 * 256);  // <= 0
        const std::uint32_t power =
            powers()[static_cast<std::size_t>(exponent & 255)] >> (-(exponent >> 8));
        mixture.share[k] = power;
        sum += power;
        // A mean's output of 1 is 64 values.
        const std::int32_t mean = std::clamp(out[(net_components + k) * stride], -1024, 1024);
        mixture.mean[k] = base * 64 + mean * 16;
        // A width's output c: z = (value - mean) * 2^c; table steps for 1/64 of a value, in 2^-14.
        const std::int32_t width =
            std::clamp(out[(2 * net_components + k) * stride], -8 * 256, 4 * 256);
        const std::int64_t slope =
            static_cast<std::int64_t>(powers()[static_cast<std::size_t>(width & 255)]) *
            (table_one / 64);
        const std::int32_t shift = width >> 8;
        mixture.slope[k] = shift >= 0 ? slope << shift : slope >> -shift;
    }
    for (std::uint32_t& share : mixture.share)
        share = static_cast<std::uint32_t>(std::uint64_t{share} * 65280 / sum);
    return mixture;
}

Bytes encode_images(const NetModel& model, const ImageShape& shape,
                    std::span<const std::uint8_t> values) {
    std::vector<std::uint32_t> steps;
    steps.reserve(values.size());
    std::vector<std::uint8_t> copy(values.begin(), values.end());
    through_images(model, shape, copy, [&](const PixelMixture& mixture, std::uint8_t& value) {
        const std::uint32_t start = value == 0 ? 0 : mixture.below(value);
        const std::uint32_t end =
            value + 1u == shape.levels ? rans_total : mixture.below(value + 1u);
        steps.push_back(start << 16 | (end - start));
    });
    ByteWriter out;
    put_steps(out, steps, net_lanes);
    return out.take();
}

void decode_images(const NetModel& model, const ImageShape& shape,
                   std::span<const std::byte> stream, std::span<std::uint8_t> values) {
    RansDecoder coder(stream, net_lanes);
    through_images(model, shape, values, [&](const PixelMixture& mixture, std::uint8_t& value) {
        const std::uint32_t slot = coder.slot();
        std::uint32_t low = 0, high = shape.levels, start = 0,
                      end = rans_total;  // below(low) <= slot < below(high)
        // Most pixels lie close to the heaviest mean; from there outwards in doubling steps.
        std::size_t heaviest = 0;
        for (std::size_t k = 1; k < net_components; ++k)
            if (mixture.share[k] > mixture.share[heaviest]) heaviest = k;
        std::uint32_t probe = static_cast<std::uint32_t>(std::clamp(
            (mixture.mean[heaviest] + 32) >> 6, 0, static_cast<std::int32_t>(shape.levels) - 1));
        for (std::uint32_t reach = 1; high - low > 1; reach *= 2) {
            if (probe <= low || probe >= high) probe = low + (high - low) / 2;
            const std::uint32_t at = mixture.below(probe);
            if (at <= slot) {
                low = probe;
                start = at;
                probe += reach;
            } else {
                high = probe;
                end = at;
                probe = probe > reach ? probe - reach : 0;
            }
        }
        value = static_cast<std::uint8_t>(low);
        coder.advance(start, end - start);
    });
    coder.end();
}

}  // namespace narrows::codec
