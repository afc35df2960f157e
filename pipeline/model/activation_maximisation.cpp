#include "pipeline/model/activation_maximisation.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "pipeline/model/scaling.hpp"
#include "pipeline/simd/kernels.hpp"

namespace narrows::model {
namespace {

// The layers up to and with one, with what each keeps for its backward pass.
class Path {
public:
    Path(const Stack& stack, std::size_t layers, std::size_t rows, const Loop& loop)
        : stack_(stack), rows_(rows), loop_(loop) {
        for (std::size_t i = 0; i < layers; ++i) {
            const layers::Layer& layer = stack.layer(i);
            const std::size_t bytes =
                std::max(layer.workspace_bytes(rows, true), layer.workspace_bytes(rows, false));
            workspaces_.emplace_back(bytes / sizeof(float) + 1);
            outputs_.emplace_back(rows * values(i + 1));
            gradients_.emplace_back(rows * values(i + 1));
        }
    }
    std::size_t values(std::size_t boundary) const {
        return static_cast<std::size_t>(stack_.input_of(boundary).elements());
    }
    // What stands before the last activation.
    const float* forward(const float* x) {
        for (std::size_t i = 0; i < outputs_.size(); ++i)
            stack_.layer(i).forward(pass(i), i == 0 ? x : outputs_[i - 1].data(),
                                    outputs_[i].data());
        return outputs_.back().data();
    }
    float* last_gradient() { return gradients_.back().data(); }
    void backward(const float* x, float* dx) {
        for (std::size_t i = outputs_.size(); i-- > 0;)
            stack_.layer(i).backward(pass(i), i == 0 ? x : outputs_[i - 1].data(),
                                     outputs_[i].data(), gradients_[i].data(),
                                     i == 0 ? dx : gradients_[i - 1].data());
    }

private:
    // Layers keep what backward() needs in Phase::training alone; those that compute something
    // else then need nothing kept.
    layers::Pass pass(std::size_t i) {
        const std::string& type = stack_.spec(i).type;
        layers::Pass out;
        out.loop = &loop_;
        out.phase = type == "dropout" || type == "batch_norm" ? Phase::streaming : Phase::training;
        out.rows = rows_;
        out.skip_activation = i + 1 == outputs_.size();
        out.workspace = reinterpret_cast<std::byte*>(workspaces_[i].data());
        return out;
    }

    const Stack& stack_;
    std::size_t rows_;
    const Loop& loop_;
    std::vector<layers::Floats> workspaces_, outputs_, gradients_;
};

double length(const float* values, std::size_t n) {
    return std::sqrt(simd::kernels().sum_squares(values, n));
}

// to = from scaled to `radius`; false: there is no direction in it.
bool project(const float* from, std::size_t n, double radius, float* to) {
    const double norm = length(from, n);
    if (!(norm > 0) || !std::isfinite(norm)) return false;
    const double factor = radius / norm;
    for (std::size_t i = 0; i < n; ++i)
        to[i] = static_cast<float>(static_cast<double>(from[i]) * factor);
    return true;
}

}  // namespace

Units units_of(const Autoencoder& model, std::size_t layer) {
    const Stack& stack = model.encoder();
    const Shape& out = stack.input_of(layer + 1);
    Units units;
    if (out.rank() <= 1) {
        units.count = static_cast<std::size_t>(out.elements());
        if (model.gaussian() && layer + 1 == stack.size()) units.count /= 2;
        return units;
    }
    units.count = static_cast<std::size_t>(out[out.rank() - 1]);
    for (std::size_t axis = 0; axis + 1 < out.rank(); ++axis)
        units.offset = units.offset * static_cast<std::size_t>(out[axis]) +
                       static_cast<std::size_t>(out[axis] / 2);
    units.offset *= units.count;
    return units;
}

const layers::Parameter* weight_of(layers::Layer& layer) {
    for (const layers::Parameter* parameter : layer.parameters())
        if (parameter->name() == "weight" && parameter->matrix()) return parameter;
    return nullptr;
}

std::size_t encoder_layer(const Autoencoder& model, std::string_view name) {
    const std::size_t size = model.encoder().size();
    if (name.empty()) {
        for (std::size_t i = 0; i < size; ++i)
            if (weight_of(model.encoder().layer(i)) != nullptr) return i;
        name = "code";
    }
    if (name == "code" && size > 0) return size - 1;
    std::string_view digits = name;
    if (digits.starts_with("encoder.")) digits.remove_prefix(8);
    std::size_t layer = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), layer);
    if (!digits.empty() && error == std::errc{} && end == digits.data() + digits.size() &&
        layer < size)
        return layer;
    std::string known;
    for (std::size_t i = 0; i < size; ++i)
        known += (i == 0 ? "" : ", ") + ("encoder." + std::to_string(i)) + " (" +
                 model.encoder().layer(i).describe() + ")";
    throw Error(Fault::usage, "the model has no layer \"" + std::string(name) + "\"",
                "layers are " + known);
}

Ascent ascent_within_data(const Autoencoder& model, std::size_t layer) {
    const auto features = static_cast<std::size_t>(model.input_shape().elements());
    Ascent ascent;
    ascent.layer = layer;
    ascent.radius = std::sqrt(static_cast<double>(features));
    if (!model.scaling()) return ascent;
    FeatureStatistics data = scaled_statistics(*model.scaling());
    if (data.mean.size() != features || data.deviation.size() != features) return ascent;
    const double spread = length(data.deviation.data(), features);
    if (!(spread > 0) || !std::isfinite(spread)) return ascent;
    ascent.radius = spread;
    ascent.centre = std::move(data.mean);
    return ascent;
}

void maximise_activation(const Autoencoder& model, const Loop& loop, const Ascent& ascent,
                         std::size_t first, std::size_t count, float* directions) {
    const auto n = static_cast<std::size_t>(model.input_shape().elements());
    const std::size_t starts = ascent.starts, rows = count * starts;
    const Units units = units_of(model, ascent.layer);
    Path path(model.encoder(), ascent.layer + 1, rows, loop);
    const std::size_t out = path.values(ascent.layer + 1);
    std::vector<float> x(rows * n), direction(rows * n), gradient(rows * n), best(rows * n);
    std::vector<double> value(rows, -INFINITY);
    std::vector<std::uint8_t> alive(rows, 0);
    const auto place = [&](std::size_t row) { return units.offset + first + row / starts; };

    loop.each(rows, [&](std::size_t row) {
        float* d = &direction[row * n];
        simd::kernels().normal({ascent.key.seed, ascent.key.node,
                                static_cast<std::uint32_t>(row % starts), first + row / starts},
                               0, d, n);
        project(d, n, ascent.radius, d);
    });
    for (std::size_t step = 0;; ++step) {
        loop.each(rows, [&](std::size_t row) {
            for (std::size_t i = 0; i < n; ++i)
                x[row * n + i] =
                    (ascent.centre.empty() ? 0.0f : ascent.centre[i]) + direction[row * n + i];
        });
        const float* y = path.forward(x.data());
        for (std::size_t row = 0; row < rows; ++row) {
            // A start is no answer: it reaches where the unit does not look.
            const auto now = static_cast<double>(y[row * out + place(row)]);
            if (!alive[row] || !(now > value[row])) continue;
            value[row] = now;
            std::copy_n(&direction[row * n], n, &best[row * n]);
        }
        if (step == ascent.steps) break;
        std::fill_n(path.last_gradient(), rows * out, 0.0f);
        for (std::size_t row = 0; row < rows; ++row)
            path.last_gradient()[row * out + place(row)] = 1;
        path.backward(x.data(), gradient.data());
        const double share = 1 - static_cast<double>(step) / static_cast<double>(ascent.steps);
        loop.each(rows, [&](std::size_t row) {
            float *d = &direction[row * n], *g = &gradient[row * n];
            if (!project(g, n, alive[row] ? ascent.radius * share : ascent.radius, g)) return;
            if (alive[row])
                for (std::size_t i = 0; i < n; ++i) d[i] += g[i];
            else
                std::copy_n(g, n, d);  // from here on d is where gradients point, and no noise
            alive[row] = 1;
            project(d, n, ascent.radius, d);
        });
    }
    for (std::size_t unit = 0; unit < count; ++unit) {
        const auto begin = value.begin() + static_cast<std::ptrdiff_t>(unit * starts);
        const auto top = static_cast<std::size_t>(
            std::max_element(begin, begin + static_cast<std::ptrdiff_t>(starts)) - value.begin());
        std::copy_n(&best[top * n], n, directions + unit * n);
    }
}

}  // namespace narrows::model
