#include "pipeline/layers/check_gradients.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "pipeline/simd/random.hpp"

namespace narrows::layers {
namespace {

constexpr double smallest_scale = 0.01;

std::vector<float> noise(std::size_t count, std::uint64_t seed) {
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i)
        values[i] = 2 * simd::to_uniform(simd::philox(seed, 0, 0, i, 0)[0]) - 1;
    return values;
}

// Remembers every gradient, laid out as the parameter's storage, and changes no weight.
class Remember final : public UpdateRule {
public:
    explicit Remember(Layer& layer) {
        for (const Parameter* parameter : layer.parameters())
            gradients_[parameter].resize(parameter->stored());
    }
    int states() const override { return 0; }
    void apply(const UpdateBlock& block) const override {
        std::copy_n(
            block.gradient, block.count,
            gradients_.at(block.parameter).begin() + static_cast<std::ptrdiff_t>(block.offset));
    }
    std::vector<float> of(const Parameter& parameter) const {  // canonical
        return parameter.canonical(gradients_.at(&parameter));
    }

private:
    mutable std::map<const Parameter*, std::vector<float>> gradients_;
};

// One batch at work.
class Batch {
public:
    Batch(Layer& layer, std::size_t inputs, std::size_t outputs, const GradientCheck& check)
        : layer_(layer),
          x_(check.x.empty() ? noise(check.rows * inputs, 1) : check.x),
          y_(check.rows * outputs),
          weight_of_y_(noise(y_.size(), 2)),
          ids_(check.rows),
          workspace_(layer.workspace_bytes(check.rows, true) / sizeof(float) + 1) {
        std::iota(ids_.begin(), ids_.end(), 0);
        std::fill_n(workspace_.data(), workspace_.size(),
                    NAN);  // shows what is read but not written
        pass_.loop = &loop_;
        pass_.phase = Phase::training;
        pass_.key = check.key;
        pass_.epoch = check.epoch;
        pass_.sample_ids = ids_;
        pass_.rows = check.rows;
        pass_.workspace = reinterpret_cast<std::byte*>(workspace_.data());
    }

    std::vector<float>& x() { return x_; }
    double loss() {
        layer_.forward(pass_, x_.data(), y_.data());
        double sum = 0;
        for (std::size_t i = 0; i < y_.size(); ++i) sum += double{y_[i]} * double{weight_of_y_[i]};
        return sum;
    }
    // Gradients of the loss: by x, and of the parameters as the rule takes them.
    std::vector<float> gradients(const UpdateRule& rule) {
        std::vector<float> dz = weight_of_y_, dx(x_.size());
        layer_.forward(pass_, x_.data(), y_.data());
        layer_.backward(pass_, x_.data(), y_.data(), dz.data(), dx.data());
        const Trace trace{pass_, x_.data(), y_.data(), dz.data()};
        layer_.prepare_update({&trace, 1});
        layer_.update_layer(loop_, {&trace, 1}, rule);
        return dx;
    }

private:
    Layer& layer_;
    std::vector<float> x_, y_, weight_of_y_;
    std::vector<std::int64_t> ids_;
    Floats workspace_;
    SerialLoop loop_;
    Pass pass_;
};

// loss(): with `values` as they are at that moment.
std::string compare(const std::string& name, std::span<float> values,
                    std::span<const float> gradient, const GradientCheck& check,
                    const std::function<double()>& loss) {
    double scale = 0;
    for (const float one : gradient) scale = std::max(scale, std::abs(double{one}));
    if (!(scale >= smallest_scale))
        return name + ": its gradients are all below " + std::to_string(smallest_scale) +
               ", nothing can be compared";
    for (std::size_t i = 0; i < values.size(); ++i) {
        const float middle = values[i];
        values[i] = static_cast<float>(middle + check.step);
        const double above = loss();
        values[i] = static_cast<float>(middle - check.step);
        const double below = loss();
        values[i] = middle;
        const double slope = (above - below) / (2 * check.step);
        if (!(std::abs(slope - double{gradient[i]}) < check.within * scale))
            return name + "[" + std::to_string(i) + "]: the layer gives " +
                   std::to_string(gradient[i]) + ", differences give " + std::to_string(slope);
    }
    return {};
}

}  // namespace

std::string check_gradients(Layer& layer, const Shape& input, const Shape& output,
                            const GradientCheck& check) {
    Batch batch(layer, static_cast<std::size_t>(input.elements()),
                static_cast<std::size_t>(output.elements()), check);
    const Remember rule(layer);
    const std::vector<float> dx = batch.gradients(rule);
    if (std::string text = compare("x", batch.x(), dx, check, [&] { return batch.loss(); });
        !text.empty())
        return text;
    for (Parameter* parameter : layer.parameters()) {
        if (!parameter->trained) continue;
        const xt::xtensor<float, 1> before = parameter->values();
        std::vector<float> values(before.begin(), before.end());
        const std::string text =
            compare(parameter->name(), values, rule.of(*parameter), check, [&] {
                parameter->set_values(values);
                return batch.loss();
            });
        parameter->set_values({before.data(), before.size()});
        if (!text.empty()) return text;
    }
    return {};
}

}  // namespace narrows::layers
