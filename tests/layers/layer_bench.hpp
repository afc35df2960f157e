// Support for the tests of layers that take vectors: a layer at work on one batch, its gradients
// without a training step, and finite differences of a weighted sum of its output.
#pragma once

#include <cmath>
#include <functional>
#include <numeric>

#include "pipeline/layers/check_gradients.hpp"
#include "tests/catch.hpp"
#include "tests/layers/conv_support.hpp"

namespace layer_test {

using namespace conv_test;

// Remembers every gradient and changes no weight.
class Gradients final : public layers::UpdateRule {
public:
    explicit Gradients(Layer& layer) : record_(0.0f) { expect(layer); }
    int states() const override { return 0; }
    void apply(const layers::UpdateBlock& block) const override { record_.apply(block); }
    void expect(Layer& layer) {
        for (layers::Parameter* parameter : layer.parameters()) record_.expect(*parameter);
    }
    std::vector<float> of(layers::Parameter& parameter) const { return record_.of(parameter); }

private:
    Record record_;
};

// A layer with one batch: x, y and a gradient from above. Forward may be called again and again.
struct Bench {
    Bench(Layer& of, const Shape& in, const Shape& out, std::size_t batch, unsigned seed = 1)
        : layer(of),
          rows(batch),
          x(noise(batch * static_cast<std::size_t>(in.elements()), seed)),
          y(batch * static_cast<std::size_t>(out.elements())),
          weight_of_y(noise(y.size(), seed + 1)),
          dz(y.size()),
          dx(x.size()),
          ids(batch),
          memory(of.workspace_bytes(batch, true)) {
        std::iota(ids.begin(), ids.end(), 0);
        pass.loop = &serial;
        pass.phase = Phase::training;
        pass.rows = rows;
        pass.sample_ids = ids;
        pass.workspace = memory.data;
    }

    void forward() { layer.forward(pass, x.data(), y.data()); }
    void backward() {
        dz = weight_of_y;
        layer.backward(pass, x.data(), y.data(), dz.data(), dx.data());
    }
    layers::Trace trace() const { return {pass, x.data(), y.data(), dz.data()}; }

    // The loss whose gradient is `weight_of_y`.
    double loss() {
        forward();
        double sum = 0;
        for (std::size_t i = 0; i < y.size(); ++i) sum += double(y[i]) * double(weight_of_y[i]);
        return sum;
    }

    Layer& layer;
    std::size_t rows;
    std::vector<float> x, y, weight_of_y, dz, dx;
    std::vector<std::int64_t> ids;
    Memory memory;
    SerialLoop serial;
    layers::Pass pass;
};

// (loss(v + h) - loss(v - h)) / 2h for the value that `move` changes by so much.
inline double difference(double h, const std::function<double(double)>& loss_at) {
    return (loss_at(h) - loss_at(-h)) / (2 * h);
}

inline double largest(const std::vector<float>& values) {
    double most = 0;
    for (const float value : values) most = std::max(most, std::abs(double(value)));
    return most;
}

inline std::vector<float> values_of(const layers::Parameter& parameter, int which = -1) {
    const xt::xtensor<float, 1> values = parameter.values(which);
    return {values.begin(), values.end()};
}

// Differences of the layer's output against its gradients, for the bench's x.
inline void check_differences(const Bench& bench, double h, double within) {
    layers::GradientCheck check;
    check.rows = bench.rows;
    check.step = h;
    check.within = within;
    check.x = bench.x;
    check.key = bench.pass.key;
    check.epoch = bench.pass.epoch;
    const auto of_sample = [&](const std::vector<float>& values) {
        return Shape{static_cast<std::int64_t>(values.size() / bench.rows)};
    };
    REQUIRE(layers::check_gradients(bench.layer, of_sample(bench.x), of_sample(bench.y), check) ==
            "");
}

}  // namespace layer_test
