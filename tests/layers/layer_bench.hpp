// Support for the tests of layers that take vectors: a layer at work on one batch, its gradients
// without a training step, and finite differences of a weighted sum of its output.
#pragma once

#include <cmath>
#include <functional>
#include <numeric>

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

// Central differences of the bench's loss by x and by every trained parameter against the layer's
// own gradients, `within` parts of the largest one.
inline void check_differences(Bench& bench, double h, double within) {
    bench.forward();
    bench.backward();
    const std::vector<float> dx = bench.dx;
    Gradients rule(bench.layer);
    const std::vector<layers::Trace> traces{bench.trace()};
    bench.layer.prepare_update(traces);
    bench.layer.update(bench.serial, traces, rule);

    double scale = largest(dx);
    REQUIRE(scale > 0.01);
    for (std::size_t i = 0; i < bench.x.size(); ++i) {
        const float middle = bench.x[i];
        const double slope = difference(h, [&](double by) {
            bench.x[i] = static_cast<float>(middle + by);
            return bench.loss();
        });
        bench.x[i] = middle;
        INFO("x " << i);
        REQUIRE(std::abs(slope - double(dx[i])) < within * scale);
    }
    for (layers::Parameter* parameter : bench.layer.parameters()) {
        if (!parameter->trained) continue;
        const std::vector<float> gradient = rule.of(*parameter);
        std::vector<float> values = values_of(*parameter);
        scale = largest(gradient);
        REQUIRE(scale > 0.01);
        for (std::size_t i = 0; i < values.size(); ++i) {
            const float middle = values[i];
            const double slope = difference(h, [&](double by) {
                values[i] = static_cast<float>(middle + by);
                parameter->set_values(values);
                return bench.loss();
            });
            values[i] = middle;
            INFO(parameter->name() << " " << i);
            REQUIRE(std::abs(slope - double(gradient[i])) < within * scale);
        }
        parameter->set_values(values);
    }
}

}  // namespace layer_test
