// measure.importance: the log-likelihood of samples under a variational model by importance
// sampling (Burda, Grosse and Salakhutdinov 2016, eq. 8):
//   log p(x) ~ log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x),  z_k ~ q(z | x) = N(mean, variance)
// A lower bound in expectation that tightens with K. Draw k of a sample is a function of seed,
// node, k and sample; the mean is taken in the order of k, in the log domain, in double.
#pragma once

#include "pipeline/model/likelihood.hpp"
#include "plugins/encode/bound_model.hpp"

namespace narrows::plugins {

class MeasureImportance final : public Node {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;

private:
    std::int64_t draws_ = 50;
    std::string likelihood_name_ = "bernoulli";
    double scale_ = 1, smallest_ = 1e-3;
    model::Likelihood likelihood_;
    bool scaled_ = false;  // the decoder gives log-scales behind its means
    std::size_t code_ = 0, features_ = 0, outputs_ = 0;
    std::size_t workspace_ = 0, deviation_ = 0, z_ = 0, prediction_ = 0, weights_ = 0, ratio_ = 0;
};

}  // namespace narrows::plugins
