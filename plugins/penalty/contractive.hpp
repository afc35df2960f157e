// Contractive penalties: weight * |J|_F^2, mean over samples, where J = dh/dx is the Jacobian of
// the encoder at a sample and |J|_F^2 the sum of its squared elements (Rifai et al. 2011).
//   penalty.contractive           exact, for an encoder that is one dense layer h = f(a), a = x W +
//   b:
//                                 |J|_F^2 = sum_j f'(a_j)^2 |W_j|^2, W_j the weights of unit j
//   penalty.contractive_estimate  any encoder: |h(x + s u) - h(x)|^2 / s^2, u standard normal,
//   whose
//                                 mean over u is |J|_F^2 + O(s^2) (Alain and Bengio 2014, section
//                                 3)
// An encoder can make any code small and let the decoder make up for it: tie their weights, or
// choose a bounded activation and decay of the decoder's weights.
#pragma once

#include "pipeline/layers/dense.hpp"
#include "plugins/encode/bound_model.hpp"

namespace narrows::plugins {

class Contractive final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void backward(Context& context) override;

private:
    double weight_ = 0.1;
    std::size_t squares_ = 0, slopes_ = 0, sums_ = 0;
};

class ContractiveEstimate final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void backward(Context& context) override;

private:
    double weight_ = 0.1, sigma_ = 0.01;
    std::size_t rows_ = 0;
};

}  // namespace narrows::plugins
