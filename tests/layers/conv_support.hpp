// Support for the tests of convolutional layers: layers from settings, one training step with
// recorded gradients, and a direct convolution in double as the oracle. One rule: the oracle knows
// nothing of the layers' own geometry.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "pipeline/layers/conv.hpp"
#include "pipeline/layers/convolutional.hpp"
#include "pipeline/layers/pooling.hpp"
#include "pipeline/layers/reshape.hpp"
#include "pipeline/layers/upsample.hpp"
#include "tests/support/loops.hpp"
#include "tests/support/parameters.hpp"

namespace conv_test {

using namespace narrows;
using layers::Layer;
using test::BackwardLoop;
using test::ThreadLoop;

// ------------------------------------------------------------------------------- settings

inline Setting number(std::string name, double value) {
    Setting setting{std::move(name), {}, {}};
    setting.value.integer = static_cast<std::int64_t>(value);
    setting.value.number = value;
    setting.value.flag = value != 0;
    setting.value.numbers = {value};
    return setting;
}
inline Setting numbers(std::string name, std::vector<double> values) {
    Setting setting{std::move(name), {}, {}};
    setting.value.numbers = std::move(values);
    return setting;
}
inline Setting text(std::string name, std::string value) {
    Setting setting{std::move(name), {}, {}};
    setting.value.text = std::move(value);
    return setting;
}

// Defaults, then what is set, as a factory does it.
inline void set_all(const Entry& entry, Component& layer, const std::vector<Setting>& settings) {
    test::Parameters schema;
    entry.describe(schema);
    for (const Parameter& parameter : schema.all) parameter.set(layer, parameter.fallback);
    for (const Setting& setting : settings) schema.find(setting.name)->set(layer, setting.value);
}
template <class L>
std::unique_ptr<L> make(const std::vector<Setting>& settings) {
    auto layer = std::make_unique<L>();
    set_all(NARROWS_LAYER(L, ""), *layer, settings);
    return layer;
}
inline std::unique_ptr<Layer> make(const LayerSpec& spec) {
    for (const Entry& entry : layers::convolutional_layers()) {
        if (entry.type != spec.type) continue;
        std::unique_ptr<Layer> layer(static_cast<Layer*>(entry.create().release()));
        set_all(entry, *layer, spec.settings);
        return layer;
    }
    throw Error(Fault::usage, "no layer type " + spec.type);
}

// ------------------------------------------------------------------------- a training step

inline std::vector<float> noise(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<float> values(count);
    for (float& value : values)
        value =
            static_cast<float>(static_cast<std::int32_t>(random() >> 8) - (1 << 23)) / (1 << 23);
    return values;
}

// Plain descent; remembers the gradients, laid out as the parameter.
class Record final : public layers::UpdateRule {
public:
    explicit Record(float rate) : rate_(rate) {}
    int states() const override { return 0; }
    void apply(const layers::UpdateBlock& block) const override {
        std::vector<float>& all = gradients_.at(block.parameter);
        std::copy_n(block.gradient, block.count, all.begin() + static_cast<long>(block.offset));
        for (std::size_t i = 0; i < block.count; ++i) block.weight[i] -= rate_ * block.gradient[i];
    }
    void expect(layers::Parameter& parameter) const {
        gradients_[&parameter].assign(parameter.stored(), 0.0f);
    }
    std::vector<float> of(layers::Parameter& parameter) const {  // canonical
        return parameter.canonical(gradients_.at(&parameter));
    }

private:
    float rate_;
    mutable std::map<const layers::Parameter*, std::vector<float>> gradients_;
};

struct Memory {
    explicit Memory(std::size_t bytes)
        : data(static_cast<std::byte*>(std::aligned_alloc(64, (bytes + 127) / 64 * 64))) {
        std::memset(data, 0xff,
                    (bytes + 127) / 64 * 64);  // not a number: shows what was not written
    }
    ~Memory() { std::free(data); }
    Memory(const Memory&) = delete;
    std::byte* data;
};

struct Step {
    std::vector<float> x, y, dy, dx;          // dy: as given, before backward
    std::vector<std::vector<float>> weights;  // before the step, canonical
    std::vector<std::vector<float>> gradients;
    std::vector<std::vector<float>> updated;
};

// One step of a configured layer from known weights, x and dy. `cut`: in how many traces.
inline Step train_step(Layer& layer, const Shape& in, const Shape& out, std::size_t rows,
                       const Loop& loop, std::size_t cut = 1, bool want_dx = true) {
    const auto in_size = static_cast<std::size_t>(in.elements());
    const auto out_size = static_cast<std::size_t>(out.elements());
    Step step;
    step.x = noise(rows * in_size, 1);
    step.dy = noise(rows * out_size, 2);
    step.y.assign(rows * out_size, -99.0f);
    step.dx.assign(rows * in_size, -99.0f);
    std::vector<float> dz = step.dy;
    Record rule(0.01f);
    unsigned seed = 3;
    for (layers::Parameter* parameter : layer.parameters()) {
        step.weights.push_back(noise(parameter->count(), seed++));
        parameter->set_values(step.weights.back());
        rule.expect(*parameter);
    }
    std::vector<std::unique_ptr<Memory>> memory;
    std::vector<layers::Trace> traces;
    for (std::size_t part = 0; part < cut; ++part) {
        const std::size_t first = rows * part / cut, count = rows * (part + 1) / cut - first;
        memory.push_back(std::make_unique<Memory>(layer.workspace_bytes(count, true)));
        layers::Pass pass;
        pass.loop = &loop;
        pass.phase = Phase::training;
        pass.rows = count;
        pass.workspace = memory.back()->data;
        const float* x = step.x.data() + first * in_size;
        float* y = step.y.data() + first * out_size;
        float* dy = dz.data() + first * out_size;
        layer.forward(pass, x, y);
        layer.backward(pass, x, y, dy, want_dx ? step.dx.data() + first * in_size : nullptr);
        traces.push_back({pass, x, y, dy});
    }
    layer.update_layer(loop, traces, rule);
    for (layers::Parameter* parameter : layer.parameters()) {
        step.gradients.push_back(rule.of(*parameter));
        const xt::xtensor<float, 1> values = parameter->values();
        step.updated.emplace_back(values.begin(), values.end());
    }
    return step;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// --------------------------------------------------------------------------------- oracle

using Doubles = std::vector<double>;

// Windows over a big image [rows, columns, channels]; small [small_rows, small_columns, units].
struct Direct {
    long rows, columns, channels, units;
    long kernel_rows, kernel_columns, stride_rows, stride_columns;
    long dilation_rows, dilation_columns, top, left, groups;
    long small_rows, small_columns;

    // visit(big index, small index, weight index) for every product of the sum.
    template <class Visit>
    void each(Visit visit) const {
        const long in_group = channels / groups, out_group = units / groups;
        for (long i = 0; i < small_rows; ++i)
            for (long j = 0; j < small_columns; ++j)
                for (long u = 0; u < units; ++u)
                    for (long a = 0; a < kernel_rows; ++a)
                        for (long b = 0; b < kernel_columns; ++b)
                            for (long c = 0; c < in_group; ++c) {
                                const long row = i * stride_rows - top + a * dilation_rows;
                                const long column =
                                    j * stride_columns - left + b * dilation_columns;
                                if (row < 0 || row >= rows || column < 0 || column >= columns)
                                    continue;
                                visit((row * columns + column) * channels +
                                          u / out_group * in_group + c,
                                      (i * small_columns + j) * units + u,
                                      ((a * kernel_columns + b) * in_group + c) * units + u);
                            }
    }
    std::size_t big_size() const { return static_cast<std::size_t>(rows * columns * channels); }
    std::size_t small_size() const {
        return static_cast<std::size_t>(small_rows * small_columns * units);
    }
    std::size_t weight_size() const {
        return static_cast<std::size_t>(kernel_rows * kernel_columns * (channels / groups) * units);
    }

    Doubles down(const Doubles& big, const Doubles& weight) const {
        Doubles small(small_size());
        each([&](long b, long s, long w) { small[s] += big[b] * weight[w]; });
        return small;
    }
    Doubles up(const Doubles& small, const Doubles& weight) const {
        Doubles big(big_size());
        each([&](long b, long s, long w) { big[b] += small[s] * weight[w]; });
        return big;
    }
    void add_weight_gradient(const Doubles& big, const Doubles& small, Doubles& gradient) const {
        each([&](long b, long s, long w) { gradient[w] += big[b] * small[s]; });
    }
};

}  // namespace conv_test
