#include "pipeline/codec/trainer.hpp"

#include <algorithm>
#include <cmath>

namespace narrows::codec {

namespace {

constexpr std::size_t width = simd::panel_width, tile_rows = 8;

}  // namespace

std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

std::size_t drawn(std::uint64_t number, std::uint64_t most) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::size_t>(static_cast<Wide>(mixed(number)) * most >> 64);
}

FloatLayer::FloatLayer(const Spread& how, std::size_t out, bool clamped, std::uint64_t seed)
    : spread(how), inputs(how.inputs()), outputs(out), relu(clamped) {
    std::vector<float> start(inputs * out);
    const double reach = std::sqrt(3.0 / static_cast<double>(inputs));
    for (std::size_t i = 0; i < start.size(); ++i) {
        const double uniform =
            static_cast<double>(mixed(seed * 0x9e3779b97f4a7c15u + i) >> 11) * 0x1p-53;
        start[i] = static_cast<float>(reach * (2 * uniform - 1));
    }
    set(start, std::vector<float>(out, 0));
}

void FloatLayer::set(const std::vector<float>& weights, const std::vector<float>& biases) {
    weight.resize(simd::panels_size(inputs, outputs));
    transposed.resize(simd::panels_size(outputs, inputs));
    simd::pack(weights.data(), inputs, outputs, weight.data());
    simd::pack_transposed(weights.data(), inputs, outputs, transposed.data());
    first.assign(weight.size(), 0);
    second.assign(weight.size(), 0);
    bias = biases;
    bias_first.assign(outputs, 0);
    bias_second = bias_first;
}

std::size_t FloatLayer::tiles() const {
    return simd::panel_count(outputs) * ((inputs + tile_rows - 1) / tile_rows);
}

std::vector<float> FloatLayer::plain() const {
    std::vector<float> out(inputs * outputs);
    simd::unpack(weight.data(), inputs, outputs, out.data());
    return out;
}

const float* spread_rows(const FloatLayer& layer, const float* before, std::size_t samples,
                         std::vector<float>& out) {
    const Spread& spread = layer.spread;
    if (spread.is_plain()) return before;
    const std::size_t inputs = spread.inputs(), channels = spread.channels;
    out.assign(samples * spread.places() * inputs, 0);
    each_tap(spread, [&](std::size_t place, std::size_t tap, std::size_t cell) {
        for (std::size_t s = 0; s < samples; ++s)
            std::copy_n(before + s * spread.values() + cell * channels, channels,
                        out.data() + (s * spread.places() + place) * inputs + tap * channels);
    });
    return out.data();
}

void run_float(const FloatLayer& layer, const float* inputs, std::size_t samples, float* out) {
    simd::Product product;
    product.a = inputs;
    product.a_stride = product.depth = layer.inputs;
    product.rows = samples * layer.spread.places();
    product.panels = layer.weight.data();
    product.columns = product.c_stride = layer.outputs;
    product.last_panel = simd::panel_count(layer.outputs);
    product.c = out;
    product.bias = layer.bias.data();
    product.activation = layer.relu ? simd::Activation::relu : simd::Activation::linear;
    simd::kernels().product(product);
}

Trainer::Trainer(FloatStack& stack, std::size_t samples_of_shard, const Loop& loop)
    : stack_(stack), samples_(samples_of_shard), loop_(loop) {
    for (Memory& shard : memory_) {
        shard.input.resize(samples_ * stack[0].spread.values());
        shard.patches.resize(stack.size());
        shard.inputs.resize(stack.size());
        for (std::size_t l = 0; l < stack.size(); ++l) {
            shard.activation.emplace_back(rows(l) * stack[l].outputs);
            shard.gradient.emplace_back(rows(l) * stack[l].outputs);
        }
    }
    for (const FloatLayer& layer : stack)
        first_tile_.push_back(first_tile_.back() + (layer.frozen ? 0 : layer.tiles()));
}

void Trainer::train(Lesson& lesson, std::size_t steps) {
    for (std::size_t step = 0; step < steps; ++step) {
        loop_.each(shards, [&](std::size_t shard) { run_shard(lesson, step, shard); });
        update(step, steps);
        lesson.stepped(step);
    }
}

void Trainer::run_shard(Lesson& lesson, std::size_t step, std::size_t number) {
    Memory& shard = memory_[number];
    lesson.gather(step, number, shard.input.data());
    const float* before = shard.input.data();
    for (std::size_t l = 0; l < stack_.size(); ++l) {
        shard.inputs[l] = spread_rows(stack_[l], before, samples_, shard.patches[l]);
        run_float(stack_[l], shard.inputs[l], samples_, shard.activation[l].data());
        lesson.forward(step, number, l, shard.activation[l].data());
        before = shard.activation[l].data();
    }
    lesson.gradient(step, number, before, shard.gradient.back().data());
    for (std::size_t l = stack_.size(); l-- > 1;) {
        back(l, shard);
        lesson.backward(number, l - 1, shard.activation[l - 1].data(),
                        shard.gradient[l - 1].data());
    }
}

// From the gradient of what layer l gives to that of what the one before gives.
void Trainer::back(std::size_t l, Memory& shard) {
    const simd::Kernels& kernels = simd::kernels();
    const FloatLayer& layer = stack_[l];
    const Spread& spread = layer.spread;
    std::vector<float>& before = shard.gradient[l - 1];
    if (!spread.is_plain()) shard.patch_gradient.resize(rows(l) * layer.inputs);
    simd::Product product;
    product.a = shard.gradient[l].data();
    product.a_stride = product.depth = layer.outputs;
    product.rows = rows(l);
    product.panels = layer.transposed.data();
    product.columns = product.c_stride = layer.inputs;
    product.last_panel = simd::panel_count(layer.inputs);
    product.c = spread.is_plain() ? before.data() : shard.patch_gradient.data();
    kernels.product(product);
    if (!spread.is_plain()) {
        std::fill(before.begin(), before.end(), 0.0f);
        const std::size_t channels = spread.channels;
        each_tap(spread, [&](std::size_t place, std::size_t tap, std::size_t cell) {
            for (std::size_t s = 0; s < samples_; ++s)
                kernels.add(shard.patch_gradient.data() +
                                (s * spread.places() + place) * layer.inputs + tap * channels,
                            before.data() + s * spread.values() + cell * channels, channels);
        });
    }
    if (stack_[l - 1].relu)
        kernels.activation_gradient(simd::Activation::relu, 0, shard.activation[l - 1].data(),
                                    before.data(), before.data(), before.size());
}

void Trainer::update(std::size_t step, std::size_t steps) {
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
    loop_.each(shards, [&](std::size_t task) {
        std::size_t l = 0;
        for (std::size_t tile = first_tile_.back() * task / shards;
             tile < first_tile_.back() * (task + 1) / shards; ++tile) {
            while (tile >= first_tile_[l + 1]) ++l;
            update_tile(rule, l, tile - first_tile_[l]);
        }
    });
    for (std::size_t l = 0; l < stack_.size(); ++l) {
        FloatLayer& layer = stack_[l];
        if (layer.frozen) continue;
        std::vector<float> sums(layer.outputs, 0), here(layer.outputs);
        for (const Memory& shard : memory_) {
            simd::kernels().column_sums(shard.gradient[l].data(), layer.outputs, rows(l), 0,
                                        layer.outputs, here.data());
            for (std::size_t o = 0; o < layer.outputs; ++o) sums[o] += here[o];
        }
        simd::kernels().adam(rule, layer.bias.data(), sums.data(), layer.bias_first.data(),
                             layer.bias_second.data(), layer.outputs);
    }
}

void Trainer::update_tile(const simd::AdamStep& rule, std::size_t l, std::size_t tile) {
    FloatLayer& layer = stack_[l];
    const std::size_t across = (layer.inputs + tile_rows - 1) / tile_rows;
    const std::size_t panel = tile / across, row = tile % across * tile_rows;
    const std::size_t count = std::min(tile_rows, layer.inputs - row);
    simd::OuterTerm terms[shards];
    for (std::size_t s = 0; s < shards; ++s)
        terms[s] = {memory_[s].inputs[l], layer.inputs, memory_[s].gradient[l].data(),
                    layer.outputs, rows(l)};
    alignas(64) float gradient[tile_rows * width];
    simd::kernels().weight_gradient({terms, shards}, row, count, panel, layer.outputs, gradient);
    const std::size_t offset = (panel * layer.inputs + row) * width;
    simd::kernels().adam(rule, layer.weight.data() + offset, gradient, layer.first.data() + offset,
                         layer.second.data() + offset, count * width);
    for (std::size_t i = 0; i < count * width; ++i)
        layer.weight[offset + i] = std::clamp(layer.weight[offset + i], -layer.most, layer.most);
    simd::kernels().transpose_tile(layer.weight.data() + offset, row, count, panel, layer.inputs,
                                   layer.outputs, layer.transposed.data());
}

}  // namespace narrows::codec
