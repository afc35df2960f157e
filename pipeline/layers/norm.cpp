#include "pipeline/layers/norm.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "pipeline/layers/extents.hpp"

namespace narrows::layers {
namespace {

constexpr std::size_t block = 16;  // channels that a task walks together

void fill(Parameter& parameter, float value) {
    parameter.set_values(std::vector<float>(parameter.count(), value));
}

LayerSpec same(std::string type, std::initializer_list<std::pair<const char*, double>> numbers) {
    LayerSpec spec;
    spec.type = std::move(type);
    for (const auto& [name, value] : numbers) {
        Setting setting{name, {}, {}};
        setting.value.number = value;
        spec.settings.push_back(setting);
    }
    return spec;
}

}  // namespace

BatchNorm::~BatchNorm() = default;
LayerNorm::~LayerNorm() = default;

void BatchNorm::describe(Schema& schema) {
    schema.summary("Batch normalisation of each channel")
        .main("momentum")
        .number<&BatchNorm::momentum_>("momentum", 0.1, 0, 1,
                                       "part of a batch in the running statistics")
        .number<&BatchNorm::epsilon_>("epsilon", 1e-5, 0, 1, "added to the variance");
}

Shape BatchNorm::configure(const Shape& input) {
    if (input.rank() == 0) throw Error(Fault::usage, "batch_norm needs an input with an axis");
    channels_ = static_cast<std::size_t>(input[input.rank() - 1]);
    positions_ = static_cast<std::size_t>(input.elements()) / channels_;
    const Shape shape{input[input.rank() - 1]};
    gain_ = std::make_unique<Parameter>("gain", shape, false, false);
    shift_ = std::make_unique<Parameter>("shift", shape, false, false);
    mean_ = std::make_unique<Parameter>("running_mean", shape, false, false);
    variance_ = std::make_unique<Parameter>("running_variance", shape, false, false);
    mean_->trained = variance_->trained = false;
    return input;
}

std::vector<Parameter*> BatchNorm::parameters() {
    return {gain_.get(), shift_.get(), mean_.get(), variance_.get()};
}

void BatchNorm::initialise(RandomKey) {
    fill(*gain_, 1);
    fill(*variance_, 1);
}

std::size_t BatchNorm::workspace_bytes(std::size_t, bool training) const {
    return training ? 4 * channels_ * sizeof(float) : 0;
}

BatchNorm::Sums BatchNorm::sums(const Pass& pass) const {
    auto* memory = reinterpret_cast<float*>(pass.workspace);
    return {memory, memory + channels_, memory + 2 * channels_, memory + 3 * channels_};
}

// body(first channel, count), blocks of channels side by side.
template <class Body>
void BatchNorm::each_channel_block(const Pass& pass, Body body) const {
    pass.loop->each((channels_ + block - 1) / block, [&](std::size_t task) {
        body(task * block, std::min(block, channels_ - task * block));
    });
}

void BatchNorm::forward(const Pass& pass, const float* x, float* y) {
    const std::size_t rows = pass.rows * positions_;
    const bool training = pass.phase == Phase::training;
    each_channel_block(pass, [&](std::size_t first, std::size_t count) {
        std::array<double, block> mean{}, variance{};
        std::array<float, block> factor{}, offset{};
        if (training) {
            for (std::size_t r = 0; r < rows; ++r)
                for (std::size_t c = 0; c < count; ++c) mean[c] += x[r * channels_ + first + c];
            for (std::size_t c = 0; c < count; ++c) mean[c] /= static_cast<double>(rows);
            for (std::size_t r = 0; r < rows; ++r)
                for (std::size_t c = 0; c < count; ++c) {
                    const double d = x[r * channels_ + first + c] - mean[c];
                    variance[c] += d * d;
                }
            for (std::size_t c = 0; c < count; ++c) variance[c] /= static_cast<double>(rows);
        } else {
            for (std::size_t c = 0; c < count; ++c) {
                mean[c] = mean_->data()[first + c];
                variance[c] = variance_->data()[first + c];
            }
        }
        for (std::size_t c = 0; c < count; ++c) {
            const auto scale = static_cast<float>(1 / std::sqrt(variance[c] + epsilon_));
            const auto centre = static_cast<float>(mean[c]);
            factor[c] = scale * gain_->data()[first + c];
            offset[c] = shift_->data()[first + c] - centre * factor[c];
            if (!training) continue;
            const Sums kept = sums(pass);
            kept.mean[first + c] = centre;
            kept.scale[first + c] = scale;
            // The running variance is the unbiased one.
            const double unbiased =
                rows > 1 ? variance[c] * static_cast<double>(rows) / static_cast<double>(rows - 1)
                         : variance[c];
            float& running = mean_->data()[first + c];
            float& spread = variance_->data()[first + c];
            running = static_cast<float>((1 - momentum_) * running + momentum_ * mean[c]);
            spread = static_cast<float>((1 - momentum_) * spread + momentum_ * unbiased);
        }
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t c = 0; c < count; ++c) {
                const std::size_t at = r * channels_ + first + c;
                y[at] = x[at] * factor[c] + offset[c];
            }
    });
}

void BatchNorm::backward(const Pass& pass, const float* x, const float*, float* dy, float* dx) {
    const std::size_t rows = pass.rows * positions_;
    if (pass.phase != Phase::training) {  // what forward() did then: one factor a channel
        if (dx != nullptr)
            each_channel_block(pass, [&](std::size_t first, std::size_t count) {
                for (std::size_t c = first; c < first + count; ++c) {
                    const double spread = static_cast<double>(variance_->data()[c]) + epsilon_;
                    const float factor =
                        static_cast<float>(1 / std::sqrt(spread)) * gain_->data()[c];
                    for (std::size_t r = 0; r < rows; ++r)
                        dx[r * channels_ + c] = dy[r * channels_ + c] * factor;
                }
            });
        return;
    }
    const Sums kept = sums(pass);
    each_channel_block(pass, [&](std::size_t first, std::size_t count) {
        std::array<double, block> gain{}, shift{};
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t c = 0; c < count; ++c) {
                const std::size_t at = r * channels_ + first + c;
                const float normal = (x[at] - kept.mean[first + c]) * kept.scale[first + c];
                gain[c] += static_cast<double>(dy[at]) * normal;
                shift[c] += dy[at];
            }
        std::array<float, block> by_gain{}, by_shift{}, factor{};
        for (std::size_t c = 0; c < count; ++c) {
            kept.gain[first + c] = static_cast<float>(gain[c]);
            kept.shift[first + c] = static_cast<float>(shift[c]);
            by_gain[c] = static_cast<float>(gain[c] / static_cast<double>(rows));
            by_shift[c] = static_cast<float>(shift[c] / static_cast<double>(rows));
            factor[c] = gain_->data()[first + c] * kept.scale[first + c];
        }
        if (dx == nullptr) return;
        for (std::size_t r = 0; r < rows; ++r)
            for (std::size_t c = 0; c < count; ++c) {
                const std::size_t at = r * channels_ + first + c;
                const float normal = (x[at] - kept.mean[first + c]) * kept.scale[first + c];
                dx[at] = factor[c] * (dy[at] - by_shift[c] - normal * by_gain[c]);
            }
    });
}

void BatchNorm::update(const Loop&, std::span<const Trace> traces, const UpdateRule& rule) {
    if (traces.empty()) return;
    // What backward() left stays as it is: clipping asks for the gradient twice.
    const Sums begin = sums(traces[0].pass);
    std::vector<float> gain(begin.gain, begin.gain + channels_);
    std::vector<float> shift(begin.shift, begin.shift + channels_);
    for (const Trace& trace : traces.subspan(1)) {
        const Sums more = sums(trace.pass);
        simd::kernels().add(more.gain, gain.data(), channels_);
        simd::kernels().add(more.shift, shift.data(), channels_);
    }
    update_whole(*gain_, gain.data(), rule);
    update_whole(*shift_, shift.data(), rule);
}

bool BatchNorm::affine(std::span<float> factor, std::span<float> offset) const {
    for (std::size_t i = 0; i < channels_ * positions_; ++i) {
        const std::size_t c = i % channels_;
        const double variance = variance_->data()[c];
        factor[i] = static_cast<float>(1 / std::sqrt(variance + epsilon_)) * gain_->data()[c];
        offset[i] = shift_->data()[c] - mean_->data()[c] * factor[i];
    }
    return true;
}

std::optional<LayerSpec> BatchNorm::mirror(const Shape&) const {
    return same("batch_norm", {{"momentum", momentum_}, {"epsilon", epsilon_}});
}

void LayerNorm::describe(Schema& schema) {
    schema.summary("Layer normalisation over a sample's last axis")
        .main("epsilon")
        .number<&LayerNorm::epsilon_>("epsilon", 1e-5, 0, 1, "added to the variance");
}

Shape LayerNorm::configure(const Shape& input) {
    if (input.rank() == 0) throw Error(Fault::usage, "layer_norm needs an input with an axis");
    width_ = static_cast<std::size_t>(input[input.rank() - 1]);
    groups_ = static_cast<std::size_t>(input.elements()) / width_;
    const Shape shape{input[input.rank() - 1]};
    gain_ = std::make_unique<Parameter>("gain", shape, false, false);
    shift_ = std::make_unique<Parameter>("shift", shape, false, false);
    return input;
}

std::vector<Parameter*> LayerNorm::parameters() {
    return {gain_.get(), shift_.get()};
}
void LayerNorm::initialise(RandomKey) {
    fill(*gain_, 1);
}

void LayerNorm::moments(const float* x, double& mean, double& scale) const {
    mean = simd::kernels().sum(x, width_) / static_cast<double>(width_);
    double variance = 0;
    for (std::size_t c = 0; c < width_; ++c) {
        const double d = x[c] - mean;
        variance += d * d;
    }
    scale = 1 / std::sqrt(variance / static_cast<double>(width_) + epsilon_);
}

void LayerNorm::forward(const Pass& pass, const float* x, float* y) {
    each_sample(pass, [&](std::size_t row) {
        for (std::size_t at = row * groups_ * width_; at < (row + 1) * groups_ * width_;
             at += width_) {
            double mean = 0, scale = 0;
            moments(x + at, mean, scale);
            for (std::size_t c = 0; c < width_; ++c)
                y[at + c] = static_cast<float>((x[at + c] - mean) * scale) * gain_->data()[c] +
                            shift_->data()[c];
        }
    });
}

void LayerNorm::backward(const Pass& pass, const float* x, const float*, float* dy, float* dx) {
    if (dx == nullptr) return;
    each_sample(pass, [&](std::size_t row) {
        for (std::size_t at = row * groups_ * width_; at < (row + 1) * groups_ * width_;
             at += width_) {
            double mean = 0, scale = 0, sum = 0, along = 0;
            moments(x + at, mean, scale);
            for (std::size_t c = 0; c < width_; ++c) {
                const double g = static_cast<double>(dy[at + c]) * gain_->data()[c];
                sum += g;
                along += g * ((x[at + c] - mean) * scale);
            }
            sum /= static_cast<double>(width_);
            along /= static_cast<double>(width_);
            for (std::size_t c = 0; c < width_; ++c) {
                const double g = static_cast<double>(dy[at + c]) * gain_->data()[c];
                const double normal = (x[at + c] - mean) * scale;
                dx[at + c] = static_cast<float>(scale * (g - sum - normal * along));
            }
        }
    });
}

void LayerNorm::update(const Loop&, std::span<const Trace> traces, const UpdateRule& rule) {
    if (traces.empty() || (gain_->frozen && shift_->frozen)) return;
    std::vector<double> gain(width_), shift(width_);
    for (const Trace& trace : traces)
        for (std::size_t at = 0; at < trace.pass.rows * groups_ * width_; at += width_) {
            double mean = 0, scale = 0;
            moments(trace.x + at, mean, scale);
            for (std::size_t c = 0; c < width_; ++c) {
                gain[c] += trace.dz[at + c] * ((trace.x[at + c] - mean) * scale);
                shift[c] += trace.dz[at + c];
            }
        }
    std::vector<float> by_gain(width_), by_shift(width_);
    for (std::size_t c = 0; c < width_; ++c) {
        by_gain[c] = static_cast<float>(gain[c]);
        by_shift[c] = static_cast<float>(shift[c]);
    }
    update_whole(*gain_, by_gain.data(), rule);
    update_whole(*shift_, by_shift.data(), rule);
}

std::optional<LayerSpec> LayerNorm::mirror(const Shape&) const {
    return same("layer_norm", {{"epsilon", epsilon_}});
}

}  // namespace narrows::layers
