#include "pipeline/codec/fit_latents.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "pipeline/codec/latents.hpp"
#include "pipeline/codec/trainer.hpp"
#include "pipeline/simd/scalar.hpp"

namespace narrows::codec {

namespace {

constexpr std::size_t shards = Trainer::shards, rows_of_shard = 32, images_of_shard = 4;
constexpr std::size_t most_residuals = 300'000;  // that the local predictor is fitted to
// The float decoder's inputs are codes * code_step, the integer one's codes * code_one / 256.
constexpr double first_gain = code_step * net_one / code_one;

Spread vector_of(std::size_t inputs) {
    return {1, 1, inputs, 1, 1, 1};
}
Spread patches(std::size_t lines, std::size_t columns, std::size_t channels, std::size_t up,
               std::size_t stride) {
    return {lines, columns, channels, 3, up, stride};
}

// The encoder's layers and then the decoder's; the last encoder layer gives codes.
struct Layers {
    FloatStack stack;
    std::size_t encoder = 0;
};

Layers layers_of(const LatentSize& size) {
    Layers layers;
    const auto add = [&](const Spread& spread, std::size_t outputs, bool relu) {
        layers.stack.emplace_back(spread, outputs, relu, layers.stack.size() + 11);
    };
    if (!size.is_grid()) {
        add(vector_of(size.channels), size.units, true);
        add(vector_of(size.units), size.units, true);
        add(vector_of(size.units), size.codes, false);
        add(vector_of(size.codes), size.units, true);
        add(vector_of(size.units), size.units, true);
        add(vector_of(size.units), size.channels, false);
    } else {
        const Spread half = patches(size.lines, size.columns, size.channels, 1, 2);
        add(half, size.units / 2, true);
        const Spread quarter = patches(half.lines_out(), half.columns_out(), size.units / 2, 1, 2);
        add(quarter, size.units, true);
        const std::size_t lines = quarter.lines_out(), columns = quarter.columns_out();
        add(patches(lines, columns, size.units, 1, 1), size.codes, false);
        add(patches(lines, columns, size.codes, 1, 1), size.units, true);
        add(patches(lines, columns, size.units, 2, 1), size.units / 2, true);
        add(patches(2 * lines, 2 * columns, size.units / 2, 2, 1), size.channels, false);
    }
    layers.encoder = 3;
    for (std::size_t l = 0; l < layers.stack.size(); ++l)
        layers.stack[l].most = l < layers.encoder    ? 16.0f
                               : l == layers.encoder ? 12.0f / static_cast<float>(first_gain)
                                                     : 3.9f;
    return layers;
}

// Shape and layers as the decoder will have them, without weights.
LatentModel skeleton(const LatentSize& size, const Layers& layers) {
    LatentModel model;
    model.channels = size.channels;
    model.lines = size.lines;
    model.columns = size.columns;
    for (std::size_t l = layers.encoder; l < layers.stack.size(); ++l) {
        LatentLayer layer;
        layer.spread = layers.stack[l].spread;
        layer.net.inputs = layers.stack[l].inputs;
        layer.net.outputs = layers.stack[l].outputs;
        model.layers.push_back(layer);
    }
    model.carry.assign(size.codes, 0);
    return model;
}

// The loss is close to the bits that residuals and codes take: log(1 + r^2 / s^2) / 2 of each
// residual, where s comes down to the bound, and the logarithm of each code's spread. Codes carry
// noise of their rounding.
class RowLesson final : public Lesson {
public:
    RowLesson(const Sample& sample, const LatentModel& model, std::size_t code_layer,
              std::size_t samples_of_shard, std::size_t steps)
        : sample_(sample),
          code_layer_(code_layer),
          count_(samples_of_shard),
          steps_(steps),
          places_(output_places(model)),
          plane_(model.lines * model.columns),
          channels_(model.channels),
          codes_(model.codes().channels),
          row_codes_(model.codes().values()),
          outputs_(model.layers.back().spread.places() * model.channels),
          shift_(model.offset),
          scale_(1 / (model.unit * net_one)),
          least_(std::max(sample.bound * scale_, 1e-6)),
          spread_(codes_, 1.0) {
        for (std::size_t shard = 0; shard < shards; ++shard) {
            target_[shard].resize(count_ * outputs_);
            squares_[shard].resize(codes_);
        }
    }

    void gather(std::size_t step, std::size_t shard, float* input) override {
        const std::size_t features = sample_.columns;
        for (std::size_t i = 0; i < count_; ++i) {
            const std::size_t row =
                drawn((step * shards + shard) * count_ + i + 0x2545f4914f6cu, sample_.rows);
            const double* const from = sample_.values.data() + row * features;
            float* const target = target_[shard].data() + i * outputs_;
            for (std::size_t f = 0; f < features; ++f) {
                const auto value =
                    static_cast<float>(std::clamp((from[f] - shift_) * scale_, -1e3, 1e3));
                input[i * features + f % plane_ * channels_ + f / plane_] = value;
                target[places_[f]] = value;
            }
        }
    }
    void forward(std::size_t step, std::size_t shard, std::size_t l, float* codes) override {
        if (l != code_layer_) return;
        std::fill(squares_[shard].begin(), squares_[shard].end(), 0.0);
        const std::size_t all = count_ * row_codes_;
        for (std::size_t i = 0; i < all; ++i) {
            const double uniform =
                static_cast<double>(mixed((step * shards + shard) * all + i + 0x9d2c5680u) >> 11) *
                    0x1p-53 -
                0.5;
            codes[i] += static_cast<float>(code_step * uniform);
            const auto code = static_cast<double>(codes[i]);
            squares_[shard][i % codes_] += code * code;
        }
    }
    void backward(std::size_t, std::size_t l, const float* codes, float* gradient) override {
        if (l != code_layer_) return;
        if (plane_ > 1) {
            // Codes of a grid are mostly near zero: what counts is how many are not.
            constexpr double small = code_step * code_step;
            for (std::size_t i = 0; i < count_ * row_codes_; ++i) {
                const auto code = static_cast<double>(codes[i]);
                gradient[i] += static_cast<float>(weight_ * code / (small + code * code) / batch());
            }
            return;
        }
        for (std::size_t i = 0; i < count_ * row_codes_; ++i)
            gradient[i] += static_cast<float>(weight_ * static_cast<double>(codes[i]) /
                                              spread_[i % codes_] / batch());
    }
    void gradient(std::size_t, std::size_t shard, const float* out, float* gradient) override {
        std::fill_n(gradient, count_ * outputs_, 0.0f);
        const auto square = static_cast<float>(soft_ * soft_),
                   part = static_cast<float>(1 / batch());
        for (std::size_t i = 0; i < count_; ++i)
            for (const std::uint32_t place : places_) {
                const std::size_t at = i * outputs_ + place;
                const float off = out[at] - target_[shard][at];
                gradient[at] = part * off / (square + off * off);
            }
    }
    void stepped(std::size_t step) override {
        for (std::size_t k = 0; k < codes_; ++k) {
            double sum = 0;
            for (const auto& squares : squares_) sum += squares[k];
            const double now =
                sum * static_cast<double>(codes_) / (batch() * static_cast<double>(row_codes_));
            spread_[k] = 0.9 * spread_[k] + 0.1 * std::max(now, code_step * code_step / 12);
        }
        const double share =
            std::min(1.0, static_cast<double>(step + 1) / (0.6 * static_cast<double>(steps_)));
        weight_ = share;
        soft_ = least_ < 1 ? simd::exponential(simd::logarithm(least_) * share) : least_;
    }

private:
    double batch() const { return static_cast<double>(shards * count_); }
    const Sample& sample_;
    std::size_t code_layer_, count_, steps_;
    std::vector<std::uint32_t> places_;
    std::size_t plane_, channels_, codes_, row_codes_, outputs_;
    double shift_, scale_, least_, weight_ = 0, soft_ = 1;
    std::vector<double> spread_;  // mean squares of codes
    std::array<std::vector<float>, shards> target_;
    std::array<std::vector<double>, shards> squares_;
};

bool is_finite(const FloatStack& stack) {
    const auto all = [](const std::vector<float>& values) {
        return simd::kernels().all_finite(values.data(), values.size());
    };
    return std::all_of(stack.begin(), stack.end(), [&](const FloatLayer& layer) {
        return all(layer.weight) && all(layer.bias);
    });
}

void round_into(LatentModel& model, const Layers& layers, std::uint8_t shift) {
    for (std::size_t l = 0; l < model.layers.size(); ++l) {
        const FloatLayer& from = layers.stack[layers.encoder + l];
        LatentLayer& to = model.layers[l];
        to.shift = shift;
        const double gain = net_weight_one * (l == 0 ? first_gain : 1.0),
                     unit = static_cast<double>(1 << shift);
        const std::vector<float> plain = from.plain();
        to.net.weights.clear();
        to.net.bias.clear();
        for (std::size_t o = 0; o < from.outputs; ++o) {
            for (std::size_t i = 0; i < from.inputs; ++i)
                to.net.weights.push_back(
                    static_cast<std::int32_t>(std::nearbyint(
                        static_cast<double>(plain[i * from.outputs + o]) * gain / unit)) *
                    (1 << shift));
            to.net.bias.push_back(static_cast<std::int32_t>(
                                      std::clamp(std::nearbyint(static_cast<double>(from.bias[o]) *
                                                                net_weight_one * net_one / 64),
                                                 -0x1p18, 0x1p18)) *
                                  64);
        }
    }
}

// What codes say of those of the row after, and what residuals say of those beside them.
void fit_rest(LatentModel& model, const Sample& sample, const PlaneShape& plane, const Loop& loop) {
    const std::size_t features = sample.columns,
                      rows = std::clamp<std::size_t>(most_residuals / features, 1, sample.rows);
    const std::span<const double> values(sample.values.data(), rows * features);
    const std::vector<std::int32_t> codes = codes_of(model, values);
    const std::size_t row_codes = model.codes().values(), channels = model.carry.size();
    std::vector<double> along(channels, 0.0), square(channels, 1e-9);
    for (std::size_t i = row_codes; i < codes.size(); ++i) {
        along[i % channels] += static_cast<double>(codes[i]) * codes[i - row_codes];
        square[i % channels] += static_cast<double>(codes[i - row_codes]) * codes[i - row_codes];
    }
    for (std::size_t k = 0; k < channels; ++k)
        model.carry[k] = static_cast<std::uint8_t>(
            std::clamp(std::nearbyint(16 * along[k] / square[k]), 0.0, 16.0));
    Sample missed{rows, features, {values.begin(), values.end()}, {0}, sample.bound};
    const std::size_t plane_size = plane.lines * plane.columns;
    const Guesses guesses(model, codes, {rows * features / plane_size, plane.lines, plane.columns});
    for (std::size_t p = 0; p < missed.values.size() / plane_size; ++p) {
        const double* const guess = guesses(p);
        for (std::size_t i = 0; i < plane_size; ++i) missed.values[p * plane_size + i] -= guess[i];
    }
    const std::vector<FittedModel> local = fit_field(missed, plane.lines, plane.columns, loop);
    model.local = {{}, 1, 1, {0.0}};
    if (local.empty()) return;
    const auto& first = std::get<StencilModel>(*local[0].model);
    if (first.mean.size() == 1) model.local = first;
}

// The middle of all values and their spread.
void normalise(LatentModel& model, const Sample& sample) {
    double sum = 0, squares = 0;
    for (const double value : sample.values) sum += value;
    model.offset = sum / static_cast<double>(sample.values.size());
    for (const double value : sample.values)
        squares += (value - model.offset) * (value - model.offset);
    model.unit = std::sqrt(squares / static_cast<double>(sample.values.size())) / net_one;
}

std::size_t samples_of_shard(const LatentModel& model) {
    return model.lines * model.columns > 1 ? images_of_shard : rows_of_shard;
}

LatentSize size_of(const LatentModel& model) {
    return {model.channels, model.lines, model.columns, model.carry.size(),
            model.layers[0].net.outputs};
}

}  // namespace

double products_of_step(const LatentSize& size) {
    double sum = 0;
    for (const FloatLayer& layer : layers_of(size).stack)
        sum += static_cast<double>(layer.spread.places() * layer.inputs * layer.outputs);
    return 3 * sum *
           static_cast<double>(shards * (size.is_grid() ? images_of_shard : rows_of_shard));
}

std::vector<FittedModel> fit_latents(const Sample& sample, const LatentSize& size,
                                     const PlaneShape& plane, std::size_t steps,
                                     std::span<const std::uint8_t> shifts, const Loop& loop) {
    Layers layers = layers_of(size);
    LatentModel model = skeleton(size, layers);
    normalise(model, sample);
    if (!(model.unit > 0) || !std::isfinite(model.unit)) return {};
    RowLesson lesson(sample, model, layers.encoder - 1, samples_of_shard(model), steps);
    Trainer(layers.stack, samples_of_shard(model), loop).train(lesson, steps);
    if (!is_finite(layers.stack)) return {};
    auto encoder = std::make_shared<FloatStack>(
        layers.stack.begin(), layers.stack.begin() + static_cast<std::ptrdiff_t>(layers.encoder));
    std::vector<FittedModel> fitted;
    for (const std::uint8_t shift : shifts) {
        round_into(model, layers, shift);
        model.encoder = encoder;
        fit_rest(model, sample, plane, loop);
        FittedModel one;
        one.bytes = write_model(model);
        try {
            LatentModel back = std::get<LatentModel>(*read_model(one.bytes));
            back.encoder = encoder;
            one.model = std::make_shared<const Model>(std::move(back));
        } catch (const Damaged&) {
            continue;  // sums that could leave 32 bits
        }
        one.name = fmt::format("{} codes{}, {} units", size.codes,
                               size.is_grid() ? " for 4 x 4" : "", size.units);
        fitted.push_back(std::move(one));
    }
    return fitted;
}

std::shared_ptr<const Model> with_encoder(const Model& model, const Sample& sample,
                                          std::size_t steps, const Loop& loop) {
    LatentModel given = std::get<LatentModel>(model);
    if (given.features() != sample.columns || !(given.unit > 0)) return nullptr;
    Layers layers = layers_of(size_of(given));
    if (layers.stack.size() != layers.encoder + given.layers.size()) return nullptr;
    for (std::size_t l = 0; l < given.layers.size(); ++l) {
        const NetLayer& from = given.layers[l].net;
        FloatLayer& to = layers.stack[layers.encoder + l];
        const Spread &wanted = given.layers[l].spread, &here = to.spread;
        if (to.inputs != from.inputs || to.outputs != from.outputs || wanted.lines != here.lines ||
            wanted.columns != here.columns || wanted.up != here.up)
            return nullptr;
        const double gain = net_weight_one * (l == 0 ? first_gain : 1.0);
        std::vector<float> weights(from.inputs * from.outputs), bias(from.outputs);
        for (std::size_t o = 0; o < from.outputs; ++o) {
            for (std::size_t i = 0; i < from.inputs; ++i)
                weights[i * from.outputs + o] =
                    static_cast<float>(from.weights[o * from.inputs + i] / gain);
            bias[o] = static_cast<float>(from.bias[o] / (1.0 * net_weight_one * net_one));
        }
        to.set(weights, bias);
        to.frozen = true;
    }
    RowLesson lesson(sample, given, layers.encoder - 1, samples_of_shard(given), steps);
    Trainer(layers.stack, samples_of_shard(given), loop).train(lesson, steps);
    given.encoder = std::make_shared<FloatStack>(
        layers.stack.begin(), layers.stack.begin() + static_cast<std::ptrdiff_t>(layers.encoder));
    return std::make_shared<const Model>(std::move(given));
}

}  // namespace narrows::codec
