// Training of the causal network over drawn pixels; then its weights as integers.
#include <algorithm>
#include <cmath>

#include "pipeline/codec/fit_net.hpp"
#include "pipeline/codec/trainer.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::codec {

namespace {

constexpr std::size_t shards = Trainer::shards, shard_rows = 256, batch = shards * shard_rows;
constexpr double ln2 = 0.6931471805599453;

class PixelLesson final : public Lesson {
public:
    explicit PixelLesson(const NetSample& sample) : sample_(sample) {
        // Padded by what the network looks at; beyond the edges all is 0.
        const auto reach = static_cast<std::size_t>(net_reach);
        wide_ = sample.columns + 2 * reach;
        high_ = sample.lines + reach;
        padded_.assign(sample.images * high_ * wide_, 0);
        for (std::size_t image = 0; image < sample.images; ++image)
            for (std::size_t line = 0; line < sample.lines; ++line)
                std::copy_n(sample.values.data() + (image * sample.lines + line) * sample.columns,
                            sample.columns,
                            padded_.data() + (image * high_ + line + reach) * wide_ + reach);
        for (std::size_t shard = 0; shard < shards; ++shard) {
            target_[shard].resize(shard_rows);
            base_[shard].resize(shard_rows);
        }
    }

    void gather(std::size_t step, std::size_t number, float* input) override {
        const auto offsets = net_offsets();
        const std::size_t inputs = net_inputs();
        const std::uint64_t pixels = sample_.images * sample_.lines * sample_.columns;
        const auto reach = static_cast<std::size_t>(net_reach);
        constexpr float unit = 1.0f / static_cast<float>(net_one);
        const auto stretch = static_cast<std::int32_t>(sample_.step);
        for (std::size_t row = 0; row < shard_rows; ++row) {
            const std::size_t pixel =
                drawn((step * shards + number) * shard_rows + row + 0x51ed270b7a2c4u, pixels);
            const std::size_t column = pixel % sample_.columns,
                              line = pixel / sample_.columns % sample_.lines;
            const std::uint8_t* const here =
                padded_.data() +
                (pixel / sample_.columns / sample_.lines * high_ + line + reach) * wide_ + column +
                reach;
            float* const x = input + row * inputs;
            for (std::size_t i = 0; i < offsets.size(); ++i)
                x[i] = static_cast<float>(
                           net_pixel(stretch * here[static_cast<std::ptrdiff_t>(offsets[i].line) *
                                                        static_cast<std::ptrdiff_t>(wide_) +
                                                    offsets[i].column])) *
                       unit;
            x[offsets.size()] = static_cast<float>(net_place(line, sample_.lines)) * unit;
            x[offsets.size() + 1] = static_cast<float>(net_place(column, sample_.columns)) * unit;
            target_[number][row] = here[0];
            const auto up = -static_cast<std::ptrdiff_t>(wide_);
            base_[number][row] = median_guess(here[-1], here[up], here[up - 1]);
        }
    }

    void gradient(std::size_t, std::size_t number, const float* out, float* gradient) override {
        for (std::size_t row = 0; row < shard_rows; ++row)
            pixel_gradient(out + row * net_outputs, base_[number][row], target_[number][row],
                           gradient + row * net_outputs);
    }

private:
    // d(-log2 p) / d(outputs), over the batch.
    void pixel_gradient(const float* out, std::int32_t base, std::int32_t target,
                        float* gradient) const {
        constexpr double rest = 1.0 / 256;  // spread over all values, as the coder does
        double share[net_components], part[net_components], mean_slope[net_components],
            width_slope[net_components];
        double largest = static_cast<double>(out[0]), sum = 0, p = 0;
        for (std::size_t k = 1; k < net_components; ++k)
            largest = std::max(largest, static_cast<double>(out[k]));
        for (std::size_t k = 0; k < net_components; ++k)
            sum += share[k] = simd::exponential((static_cast<double>(out[k]) - largest) * ln2);
        for (std::size_t k = 0; k < net_components; ++k) {
            share[k] /= sum;
            const double mean =
                base + 64 * std::clamp(static_cast<double>(out[net_components + k]), -4.0, 4.0);
            const double slope = simd::exponential(
                std::clamp(static_cast<double>(out[2 * net_components + k]), -8.0, 4.0) * ln2);
            const double high = (target + 0.5 - mean) * slope, low = (target - 0.5 - mean) * slope;
            const bool first = target == 0, last = target == sample_.levels - 1;
            const double up =
                last ? 1 : 1 / (1 + simd::exponential(-std::clamp(high, -40.0, 40.0)));
            const double down =
                first ? 0 : 1 / (1 + simd::exponential(-std::clamp(low, -40.0, 40.0)));
            const double up_slope = last ? 0 : up * (1 - up),
                         down_slope = first ? 0 : down * (1 - down);
            part[k] = up - down;
            mean_slope[k] = -(up_slope - down_slope) * slope * 64;
            width_slope[k] = (up_slope * high - down_slope * low) * ln2;
            p += share[k] * part[k];
        }
        const double scale =
            -(1 - rest) / ((1 - rest) * p + rest / 256) / static_cast<double>(batch);
        for (std::size_t k = 0; k < net_components; ++k) {
            gradient[k] = static_cast<float>(scale * share[k] * (part[k] - p) * ln2);
            gradient[net_components + k] = static_cast<float>(scale * share[k] * mean_slope[k]);
            gradient[2 * net_components + k] =
                static_cast<float>(scale * share[k] * width_slope[k]);
        }
    }

    const NetSample& sample_;
    std::array<std::vector<std::int32_t>, shards> target_, base_;
    std::vector<std::uint8_t> padded_;
    std::size_t wide_ = 0, high_ = 0;
};

Spread plain_spread(std::size_t inputs) {
    Spread spread;
    spread.channels = inputs;
    return spread;
}

NetModel rounded(const FloatStack& stack) {
    NetModel model;
    for (std::size_t l = 0; l < 3; ++l) {
        const FloatLayer& from = stack[l];
        NetLayer& to = model.layers[l];
        to.inputs = from.inputs;
        to.outputs = from.outputs;
        const std::vector<float> plain = from.plain();
        const auto whole = [](double value, double most) {
            return static_cast<std::int32_t>(std::clamp(std::nearbyint(value), -most, most));
        };
        for (std::size_t o = 0; o < from.outputs; ++o) {
            for (std::size_t i = 0; i < from.inputs; ++i)
                to.weights.push_back(whole(
                    static_cast<double>(plain[i * from.outputs + o]) * net_weight_one, net_most));
            to.bias.push_back(
                whole(static_cast<double>(from.bias[o]) * net_weight_one * net_one / 64, 0x1p18) *
                64);
        }
    }
    return model;
}

}  // namespace

NetModel fit_net(const NetSample& sample, const NetSize& size, std::size_t steps,
                 const Loop& loop) {
    FloatStack stack;
    stack.emplace_back(plain_spread(net_inputs()), size.first, true, 1);
    stack.emplace_back(plain_spread(size.first), size.second, true, 2);
    stack.emplace_back(plain_spread(size.second), net_outputs, false, 3);
    // Four components that start apart: narrow to wide.
    for (std::size_t k = 0; k < net_components; ++k) {
        stack[2].bias[net_components + k] = 0.1f * (static_cast<float>(k) - 1.5f);
        stack[2].bias[2 * net_components + k] = 1.0f - 2.0f * static_cast<float>(k);
    }
    for (FloatLayer& layer : stack)
        layer.most = static_cast<float>(net_most) / static_cast<float>(net_weight_one);
    PixelLesson lesson(sample);
    Trainer(stack, shard_rows, loop).train(lesson, steps);
    return rounded(stack);
}

}  // namespace narrows::codec
