#include "pipeline/layers/pooling.hpp"

#include <algorithm>
#include <array>

#include "pipeline/layers/extents.hpp"

namespace narrows::layers {
namespace {

constexpr std::int64_t most = 1 << 20;

// Channels side by side; `restrict` spares the compiler its checks for overlap at every pixel.
void take_maximum(const float* __restrict values, float* __restrict best, std::size_t channels) {
    for (std::size_t c = 0; c < channels; ++c)
        best[c] = values[c] > best[c] || values[c] != values[c] ? values[c] : best[c];
}
void take_maximum(const float* __restrict values, std::int32_t pixel, float* __restrict best,
                  std::int32_t* __restrict chosen, std::size_t channels) {
    for (std::size_t c = 0; c < channels; ++c) {
        const bool more = values[c] > best[c] || values[c] != values[c];
        chosen[c] = more ? pixel : chosen[c];
        best[c] = more ? values[c] : best[c];
    }
}
void add_scaled(const float* __restrict values, float factor, float* __restrict sums,
                std::size_t channels) {
    for (std::size_t c = 0; c < channels; ++c) sums[c] += values[c] * factor;
}

}  // namespace

Pooling::~Pooling() = default;
MaxPool::~MaxPool() = default;
AveragePool::~AveragePool() = default;

void Pooling::describe_settings(Schema& schema) {
    schema.main("size")
        .numbers<&Pooling::size_>("size", "window: one number for all axes or one each; 2")
        .numbers<&Pooling::stride_>("stride", "step of the window; left out: its size")
        .numbers<&Pooling::padding_>("padding", "elements left empty around the input; 0")
        .flag<&Pooling::ceil_>("ceil", false,
                               "also a last window that hangs over the end: 7 -> 4 instead of 3");
}
void MaxPool::describe(Schema& schema) {
    schema.summary("Maximum over windows of images or signals");
    describe_settings(schema);
}
void AveragePool::describe(Schema& schema) {
    schema.summary("Mean over windows of images or signals");
    describe_settings(schema);
}

Shape Pooling::configure(const Shape& input) {
    const Extents in =
        read_extents(input, size_.size() == 2 || stride_.size() == 2 || padding_.size() == 4);
    axes_ = in.axes;
    const std::vector<std::int64_t> size = per_axis(size_, 2, axes_, 1, most, "size");
    const auto pairs = padding_pairs(padding_, axes_);
    std::array<Axis, 2> axis;
    for (std::size_t i = 0; i < axes_; ++i) {
        Axis& a = axis[2 - axes_ + i];
        a.big = axes_ == 2 && i == 0 ? in.rows : in.columns;
        a.kernel = size[i];
        a.stride = per_axis(stride_, size[i], axes_, 1, most, "stride")[i];
        const std::int64_t high = pairs.empty() ? 0 : pairs[i].second;
        a.low = pairs.empty() ? 0 : pairs[i].first;
        if (a.low >= a.kernel || high >= a.kernel)
            throw Error(Fault::usage, "padding must be smaller than the window");
        const std::int64_t room = a.big + a.low + high - a.kernel;
        if (room < 0 && !(ceil_ && a.big > 0))
            throw Error(Fault::usage, "the window does not fit into " + to_string(input),
                        "use a smaller window or ceil = true");
        a.small = room < 0 ? 1 : room / a.stride + 1;
        // A window more, if it still begins inside.
        if (ceil_ && room > 0 && room % a.stride && a.small * a.stride - a.low < a.big) ++a.small;
        // Windows entirely in padding would have nothing to take.
        while (a.small > 1 && (a.small - 1) * a.stride - a.low >= a.big) --a.small;
    }
    windows_ = {axis[0], axis[1], in.channels, 1};
    input_ = input;
    output_ = shape_of(in, axis[0].small, axis[1].small);
    return output_;
}

std::size_t Pooling::workspace_bytes(std::size_t max_rows, bool training) const {
    if (!training || kind_ != Kind::maximum) return 0;
    return max_rows * static_cast<std::size_t>(output_.elements()) * sizeof(std::int32_t);
}

// body(first row, last row, first column, last column) of each window, cut to the input.
template <class Body>
void Pooling::each_window(Body body) const {
    const Axis &down = windows_.rows, &across = windows_.columns;
    for (std::int64_t i = 0; i < down.small; ++i) {
        const std::int64_t top = down.element(i, 0), bottom = std::min(top + down.kernel, down.big);
        for (std::int64_t j = 0; j < across.small; ++j) {
            const std::int64_t left = across.element(j, 0);
            body(std::max<std::int64_t>(0, top), bottom, std::max<std::int64_t>(0, left),
                 std::min(left + across.kernel, across.big));
        }
    }
}

// `chosen`: the pixel that each maximum came from, or null.
void Pooling::maximum(const float* x, float* y, std::int32_t* chosen) const {
    const std::size_t channels = static_cast<std::size_t>(windows_.channels);
    each_window([&](std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right) {
        const std::int64_t corner = top * windows_.columns.big + left;
        std::copy_n(x + corner * windows_.channels, channels, y);
        if (chosen) std::fill_n(chosen, channels, static_cast<std::int32_t>(corner));
        for (std::int64_t row = top; row < bottom; ++row)
            for (std::int64_t column = left; column < right; ++column) {
                const auto pixel = static_cast<std::int32_t>(row * windows_.columns.big + column);
                const float* values = x + pixel * windows_.channels;
                if (chosen)
                    take_maximum(values, pixel, y, chosen, channels);
                else
                    take_maximum(values, y, channels);
            }
        y += channels;
        if (chosen) chosen += channels;
    });
}

void Pooling::average(const float* x, float* y) const {
    const std::size_t channels = static_cast<std::size_t>(windows_.channels);
    each_window([&](std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right) {
        std::fill_n(y, channels, 0.0f);
        for (std::int64_t row = top; row < bottom; ++row)
            for (std::int64_t column = left; column < right; ++column)
                add_scaled(x + (row * windows_.columns.big + column) * windows_.channels, 1.0f, y,
                           channels);
        const float share = 1.0f / static_cast<float>((bottom - top) * (right - left));
        for (std::size_t c = 0; c < channels; ++c) y[c] *= share;
        y += channels;
    });
}

void Pooling::forward(const Pass& pass, const float* x, float* y) {
    const std::size_t in = windows_.big_size(), out = static_cast<std::size_t>(output_.elements());
    auto* const chosen = pass.keeps() && kind_ == Kind::maximum
                             ? reinterpret_cast<std::int32_t*>(pass.workspace)
                             : nullptr;
    each_sample(pass, [&](std::size_t row) {
        if (kind_ == Kind::maximum)
            maximum(x + row * in, y + row * out, chosen ? chosen + row * out : nullptr);
        else
            average(x + row * in, y + row * out);
    });
}

void Pooling::backward(const Pass& pass, const float*, const float*, float* dy, float* dx) {
    if (!dx) return;
    const std::size_t in = windows_.big_size(), out = static_cast<std::size_t>(output_.elements());
    const std::size_t channels = static_cast<std::size_t>(windows_.channels);
    const auto* const chosen = reinterpret_cast<const std::int32_t*>(pass.workspace);
    each_sample(pass, [&](std::size_t sample) {
        float* const to = dx + sample * in;
        const float* from = dy + sample * out;
        std::fill_n(to, in, 0.0f);
        if (kind_ == Kind::maximum) {
            const std::int32_t* pixel = chosen + sample * out;
            for (std::size_t p = 0; p < windows_.positions(); ++p)
                for (std::size_t c = 0; c < channels; ++c, ++pixel, ++from)
                    to[static_cast<std::size_t>(*pixel) * channels + c] += *from;
            return;
        }
        each_window(
            [&](std::int64_t top, std::int64_t bottom, std::int64_t left, std::int64_t right) {
                const float share = 1.0f / static_cast<float>((bottom - top) * (right - left));
                for (std::int64_t row = top; row < bottom; ++row)
                    for (std::int64_t column = left; column < right; ++column)
                        add_scaled(from, share,
                                   to + (row * windows_.columns.big + column) * windows_.channels,
                                   channels);
                from += channels;
            });
    });
}

std::optional<LayerSpec> Pooling::mirror(const Shape& input) const {
    std::vector<double> factor, size;
    for (std::size_t i = 2 - axes_; i < 2; ++i) {
        const Axis& a = i == 0 ? windows_.rows : windows_.columns;
        if ((a.big + a.stride - 1) / a.stride != a.small)
            throw Error(Fault::usage,
                        describe() + " cannot be mirrored: upsampling " + to_string(output_) +
                            " by its stride does not give " + to_string(input) + " back",
                        "set ceil = true, or write the decoder's layers");
        factor.push_back(static_cast<double>(a.stride));
        size.push_back(static_cast<double>(a.big));
    }
    LayerSpec spec;
    spec.type = "upsample";
    spec.settings = {numbers_setting("factor", factor), numbers_setting("size", size)};
    return spec;
}

std::string Pooling::describe() const {
    std::string text = kind_ == Kind::maximum ? "max_pool " : "average_pool ";
    text += std::to_string(windows_.columns.kernel);
    if (windows_.rows.kernel != windows_.columns.kernel && axes_ == 2)
        text = text.substr(0, text.rfind(' ') + 1) + std::to_string(windows_.rows.kernel) + "x" +
               std::to_string(windows_.columns.kernel);
    return text;
}

}  // namespace narrows::layers
