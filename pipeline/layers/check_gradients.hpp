// For the tests of a layer, in this tree and outside it: does what backward() and update() give
// agree with differences of forward()? One rule: choose x away from kinks (a rectifier at 0), where
// no difference is a gradient.
#pragma once

#include <string>
#include <vector>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

struct GradientCheck {
    std::size_t rows = 4;
    double step = 1e-2;    // every value is moved by so much to both sides
    double within = 1e-2;  // allowed disagreement, in parts of the largest gradient
    std::vector<float> x;  // [rows, input]; empty: uniform in [-1, 1)
    RandomKey key;         // of the pass: what dropout draws from
    std::uint32_t epoch = 0;
};

// The loss is a fixed random weighting of y, in training, on one thread; `layer` is configured for
// `input` and has its first weights, which are put back. Compares every value of x and of every
// trained parameter.
// Empty where all agree, else the first that does not: "slope[3]: the layer gives 0.5, differences
// give 0.7". Gradients that are all below 0.01 are a complaint too: nothing was checked.
NARROWS_PUBLIC std::string check_gradients(Layer& layer, const Shape& input, const Shape& output,
                                           const GradientCheck& check = {});

}  // namespace narrows::layers
