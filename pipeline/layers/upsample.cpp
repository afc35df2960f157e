#include "pipeline/layers/upsample.hpp"

#include <algorithm>

#include "pipeline/layers/extents.hpp"
#include "pipeline/layers/windows.hpp"

namespace narrows::layers {
namespace {

constexpr std::int64_t most = 1 << 20;

}  // namespace

Upsample::~Upsample() = default;

void Upsample::describe(Schema& schema) {
    schema.summary("Repeats the elements of images or signals (nearest neighbour)")
        .main("factor")
        .numbers<&Upsample::factor_>("factor", "copies: one number for all axes or one each; 2")
        .numbers<&Upsample::size_>("size",
                                   "elements an axis, to cut the last copies; left out: all");
}

Shape Upsample::configure(const Shape& input) {
    const Extents in = read_extents(input, factor_.size() == 2 || size_.size() == 2);
    const std::vector<std::int64_t> factor = per_axis(factor_, 2, in.axes, 1, most, "factor");
    rows_ = in.rows;
    columns_ = in.columns;
    channels_ = in.channels;
    row_factor_ = in.axes == 2 ? factor[0] : 1;
    column_factor_ = factor.back();
    out_rows_ = rows_ * row_factor_;
    out_columns_ = columns_ * column_factor_;
    if (!size_.empty()) {
        const std::vector<std::int64_t> size = per_axis(size_, 0, in.axes, 1, most, "size");
        if (in.axes == 2) out_rows_ = size[0];
        out_columns_ = size.back();
    }
    const auto fits = [](std::int64_t out, std::int64_t times, std::int64_t from) {
        return (out + times - 1) / times == from;
    };
    if (!fits(out_rows_, row_factor_, rows_) || !fits(out_columns_, column_factor_, columns_))
        throw Error(Fault::usage,
                    "upsampling " + to_string(input) + " cannot give " +
                        to_string(shape_of(in, out_rows_, out_columns_)),
                    "only part of the last copies can be cut");
    return shape_of(in, out_rows_, out_columns_);
}

void Upsample::forward(const Pass& pass, const float* x, float* y) {
    const std::int64_t in_line = columns_ * channels_, out_line = out_columns_ * channels_;
    each_sample(pass, [&](std::size_t sample) {
        const float* from = x + static_cast<std::int64_t>(sample) * rows_ * in_line;
        float* to = y + static_cast<std::int64_t>(sample) * out_rows_ * out_line;
        for (std::int64_t row = 0; row < out_rows_; ++row, to += out_line) {
            if (row % row_factor_) {
                std::copy(to - out_line, to, to);
                continue;
            }
            const float* pixels = from + row / row_factor_ * in_line;
            float* out = to;
            for (std::int64_t column = 0; column < columns_; ++column, pixels += channels_) {
                const std::int64_t copies =
                    std::min(column_factor_, out_columns_ - column * column_factor_);
                for (std::int64_t copy = 0; copy < copies; ++copy)
                    out = std::copy(pixels, pixels + channels_, out);
            }
        }
    });
}

void Upsample::backward(const Pass& pass, const float*, const float*, float* dy, float* dx) {
    if (!dx) return;
    const std::int64_t in_line = columns_ * channels_, out_line = out_columns_ * channels_;
    each_sample(pass, [&](std::size_t sample) {
        float* to = dx + static_cast<std::int64_t>(sample) * rows_ * in_line;
        const float* from = dy + static_cast<std::int64_t>(sample) * out_rows_ * out_line;
        std::fill_n(to, rows_ * in_line, 0.0f);
        for (std::int64_t row = 0; row < out_rows_; ++row, from += out_line) {
            float* pixels = to + row / row_factor_ * in_line;
            const float* gradient = from;
            for (std::int64_t column = 0; column < columns_; ++column, pixels += channels_) {
                const std::int64_t copies =
                    std::min(column_factor_, out_columns_ - column * column_factor_);
                for (std::int64_t copy = 0; copy < copies; ++copy, gradient += channels_)
                    for (std::int64_t c = 0; c < channels_; ++c) pixels[c] += gradient[c];
            }
        }
    });
}

std::optional<LayerSpec> Upsample::mirror(const Shape& input) const {
    std::vector<double> factor;
    if (input.rank() == 3 || factor_.size() == 2 || size_.size() == 2)
        factor.push_back(static_cast<double>(row_factor_));
    factor.push_back(static_cast<double>(column_factor_));
    LayerSpec spec;
    spec.type = "average_pool";
    Setting ceil{"ceil", {}, {}};
    ceil.value.flag = true;
    spec.settings = {numbers_setting("size", factor), ceil};
    return spec;
}

std::string Upsample::describe() const {
    return "upsample " + (row_factor_ == column_factor_ || (rows_ == 1 && out_rows_ == 1)
                              ? std::to_string(column_factor_)
                              : std::to_string(row_factor_) + "x" + std::to_string(column_factor_));
}

}  // namespace narrows::layers
