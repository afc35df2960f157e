// Training of the causal network: Adam over drawn pixels, in floats, in fixed shards; then its
// weights as integers.
#include <algorithm>
#include <cmath>

#include "pipeline/codec/fit_net.hpp"
#include "pipeline/simd/kernels.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::codec {

namespace {

constexpr std::size_t shards = 8, shard_rows = 256, batch = shards * shard_rows;
constexpr std::size_t width = simd::panel_width, tile_rows = 8;
constexpr double ln2 = 0.6931471805599453;

std::uint64_t mixed(std::uint64_t x) {  // the finaliser of splitmix64
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

struct FloatLayer {
    std::size_t inputs, outputs;
    std::vector<float> weight, first, second, transposed;  // in panels
    std::vector<float> bias, bias_first, bias_second;

    FloatLayer(std::size_t in, std::size_t out, std::uint64_t seed) : inputs(in), outputs(out) {
        std::vector<float> plain(in * out);
        const double reach = std::sqrt(3.0 / static_cast<double>(in));
        for (std::size_t i = 0; i < plain.size(); ++i) {
            const double uniform =
                static_cast<double>(mixed(seed * 0x9e3779b97f4a7c15u + i) >> 11) * 0x1p-53;
            plain[i] = static_cast<float>(reach * (2 * uniform - 1));
        }
        weight.resize(simd::panels_size(in, out));
        transposed.resize(simd::panels_size(out, in));
        simd::pack(plain.data(), in, out, weight.data());
        simd::pack_transposed(plain.data(), in, out, transposed.data());
        first.assign(weight.size(), 0);
        second.assign(weight.size(), 0);
        bias.assign(out, 0);
        bias_first = bias_second = bias;
    }
    std::size_t tiles() const {
        return simd::panel_count(outputs) * ((inputs + tile_rows - 1) / tile_rows);
    }
};

struct ShardMemory {
    std::vector<float> input, activation[3], gradient[3];
    std::vector<std::int32_t> target, base;
};

class Trainer {
public:
    Trainer(const NetSample& sample, const NetSize& size, const Loop& loop)
        : sample_(sample),
          loop_(loop),
          layers_{FloatLayer(net_inputs(), size.first, 1), FloatLayer(size.first, size.second, 2),
                  FloatLayer(size.second, net_outputs, 3)} {
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
        for (ShardMemory& shard : memory_) {
            shard.input.resize(shard_rows * net_inputs());
            for (std::size_t l = 0; l < 3; ++l) {
                shard.activation[l].resize(shard_rows * layers_[l].outputs);
                shard.gradient[l].resize(shard_rows * layers_[l].outputs);
            }
            shard.target.resize(shard_rows);
            shard.base.resize(shard_rows);
        }
        // Four components that start apart: narrow to wide.
        for (std::size_t k = 0; k < net_components; ++k) {
            layers_[2].bias[net_components + k] = 0.1f * (static_cast<float>(k) - 1.5f);
            layers_[2].bias[2 * net_components + k] = 1.0f - 2.0f * static_cast<float>(k);
        }
    }

    void train(std::size_t steps) {
        for (std::size_t step = 0; step < steps; ++step) {
            loop_.each(shards, [&](std::size_t shard) { run_shard(step, shard); });
            update(step, steps);
        }
    }

    NetModel rounded() const {
        NetModel model;
        for (std::size_t l = 0; l < 3; ++l) {
            const FloatLayer& from = layers_[l];
            NetLayer& to = model.layers[l];
            to.inputs = from.inputs;
            to.outputs = from.outputs;
            std::vector<float> plain(from.inputs * from.outputs);
            simd::unpack(from.weight.data(), from.inputs, from.outputs, plain.data());
            const auto whole = [](double value, double most) {
                return static_cast<std::int32_t>(std::clamp(std::nearbyint(value), -most, most));
            };
            for (std::size_t o = 0; o < from.outputs; ++o) {
                for (std::size_t i = 0; i < from.inputs; ++i)
                    to.weights.push_back(
                        whole(static_cast<double>(plain[i * from.outputs + o]) * net_weight_one,
                              net_most));
                to.bias.push_back(
                    whole(static_cast<double>(from.bias[o]) * net_weight_one * net_one / 64,
                          0x1p18) *
                    64);
            }
        }
        return model;
    }

private:
    void gather(std::size_t step, std::size_t number, ShardMemory& shard) const {
        const auto offsets = net_offsets();
        const std::size_t inputs = net_inputs();
        const std::uint64_t pixels = sample_.images * sample_.lines * sample_.columns;
        const auto reach = static_cast<std::size_t>(net_reach);
        constexpr float unit = 1.0f / static_cast<float>(net_one);
        const auto stretch = static_cast<std::int32_t>(sample_.step);
        for (std::size_t row = 0; row < shard_rows; ++row) {
            const std::uint64_t draw =
                mixed((step * shards + number) * shard_rows + row + 0x51ed270b7a2c4u);
            __extension__ using Wide = unsigned __int128;
            const auto pixel = static_cast<std::size_t>(static_cast<Wide>(draw) * pixels >> 64);
            const std::size_t column = pixel % sample_.columns,
                              line = pixel / sample_.columns % sample_.lines;
            const std::uint8_t* const here =
                padded_.data() +
                (pixel / sample_.columns / sample_.lines * high_ + line + reach) * wide_ + column +
                reach;
            float* const x = shard.input.data() + row * inputs;
            for (std::size_t i = 0; i < offsets.size(); ++i)
                x[i] = static_cast<float>(
                           net_pixel(stretch * here[static_cast<std::ptrdiff_t>(offsets[i].line) *
                                                        static_cast<std::ptrdiff_t>(wide_) +
                                                    offsets[i].column])) *
                       unit;
            x[offsets.size()] = static_cast<float>(net_place(line, sample_.lines)) * unit;
            x[offsets.size() + 1] = static_cast<float>(net_place(column, sample_.columns)) * unit;
            shard.target[row] = here[0];
            const auto up = -static_cast<std::ptrdiff_t>(wide_);
            shard.base[row] = median_guess(here[-1], here[up], here[up - 1]);
        }
    }

    void run_shard(std::size_t step, std::size_t number) {
        const simd::Kernels& kernels = simd::kernels();
        ShardMemory& shard = memory_[number];
        gather(step, number, shard);
        for (std::size_t l = 0; l < 3; ++l) {
            const FloatLayer& layer = layers_[l];
            simd::Product product;
            product.a = l == 0 ? shard.input.data() : shard.activation[l - 1].data();
            product.a_stride = product.depth = layer.inputs;
            product.rows = shard_rows;
            product.panels = layer.weight.data();
            product.columns = product.c_stride = layer.outputs;
            product.last_panel = simd::panel_count(layer.outputs);
            product.c = shard.activation[l].data();
            product.bias = layer.bias.data();
            product.activation = l == 2 ? simd::Activation::linear : simd::Activation::relu;
            kernels.product(product);
        }
        for (std::size_t row = 0; row < shard_rows; ++row)
            pixel_gradient(shard.activation[2].data() + row * net_outputs, shard.base[row],
                           shard.target[row], shard.gradient[2].data() + row * net_outputs);
        for (std::size_t l = 2; l > 0; --l) {
            const FloatLayer& layer = layers_[l];
            simd::Product product;
            product.a = shard.gradient[l].data();
            product.a_stride = product.depth = layer.outputs;
            product.rows = shard_rows;
            product.panels = layer.transposed.data();
            product.columns = product.c_stride = layer.inputs;
            product.last_panel = simd::panel_count(layer.inputs);
            product.c = shard.gradient[l - 1].data();
            kernels.product(product);
            kernels.activation_gradient(simd::Activation::relu, 0, shard.activation[l - 1].data(),
                                        shard.gradient[l - 1].data(), shard.gradient[l - 1].data(),
                                        shard_rows * layer.inputs);
        }
    }

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

    void update(std::size_t step, std::size_t steps) {
        simd::AdamStep rule;
        const double t = static_cast<double>(step) + 1, share = t / static_cast<double>(steps);
        // Up over the first hundredth, then down in a straight line.
        rule.rate =
            static_cast<float>(4e-3 * std::min(1.0, t / (0.01 * static_cast<double>(steps) + 1)) *
                               std::max(0.005, 1 - share));
        rule.beta2 = 0.995f;
        power1_ *= static_cast<double>(rule.beta1);
        power2_ *= static_cast<double>(rule.beta2);
        rule.correction1 = static_cast<float>(1 / (1 - power1_));
        rule.correction2 = static_cast<float>(1 / (1 - power2_));
        std::size_t first_tile[4] = {};
        for (std::size_t l = 0; l < 3; ++l) first_tile[l + 1] = first_tile[l] + layers_[l].tiles();
        loop_.each(shards, [&](std::size_t task) {
            for (std::size_t tile = first_tile[3] * task / shards;
                 tile < first_tile[3] * (task + 1) / shards; ++tile) {
                const std::size_t l = tile < first_tile[1] ? 0 : tile < first_tile[2] ? 1 : 2;
                update_tile(rule, l, tile - first_tile[l]);
            }
        });
        for (std::size_t l = 0; l < 3; ++l) {
            FloatLayer& layer = layers_[l];
            std::vector<float> sums(layer.outputs, 0), here(layer.outputs);
            for (const ShardMemory& shard : memory_) {
                simd::kernels().column_sums(shard.gradient[l].data(), layer.outputs, shard_rows, 0,
                                            layer.outputs, here.data());
                for (std::size_t o = 0; o < layer.outputs; ++o) sums[o] += here[o];
            }
            simd::kernels().adam(rule, layer.bias.data(), sums.data(), layer.bias_first.data(),
                                 layer.bias_second.data(), layer.outputs);
        }
    }

    void update_tile(const simd::AdamStep& rule, std::size_t l, std::size_t tile) {
        FloatLayer& layer = layers_[l];
        const std::size_t across = (layer.inputs + tile_rows - 1) / tile_rows;
        const std::size_t panel = tile / across, row = tile % across * tile_rows;
        const std::size_t count = std::min(tile_rows, layer.inputs - row);
        simd::OuterTerm terms[shards];
        for (std::size_t s = 0; s < shards; ++s)
            terms[s] = {l == 0 ? memory_[s].input.data() : memory_[s].activation[l - 1].data(),
                        layer.inputs, memory_[s].gradient[l].data(), layer.outputs, shard_rows};
        alignas(64) float gradient[tile_rows * width];
        simd::kernels().weight_gradient({terms, shards}, row, count, panel, layer.outputs,
                                        gradient);
        const std::size_t offset = (panel * layer.inputs + row) * width;
        simd::kernels().adam(rule, layer.weight.data() + offset, gradient,
                             layer.first.data() + offset, layer.second.data() + offset,
                             count * width);
        constexpr float most = static_cast<float>(net_most) / static_cast<float>(net_weight_one);
        for (std::size_t i = 0; i < count * width; ++i)
            layer.weight[offset + i] = std::clamp(layer.weight[offset + i], -most, most);
        simd::kernels().transpose_tile(layer.weight.data() + offset, row, count, panel,
                                       layer.inputs, layer.outputs, layer.transposed.data());
    }

    const NetSample& sample_;
    const Loop& loop_;
    FloatLayer layers_[3];
    ShardMemory memory_[shards];
    std::vector<std::uint8_t> padded_;
    std::size_t wide_ = 0, high_ = 0;
    double power1_ = 1, power2_ = 1;
};

}  // namespace

NetModel fit_net(const NetSample& sample, const NetSize& size, std::size_t steps,
                 const Loop& loop) {
    Trainer trainer(sample, size, loop);
    trainer.train(steps);
    return trainer.rounded();
}

}  // namespace narrows::codec
