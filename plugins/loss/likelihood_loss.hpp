// loss.gaussian_nll and loss.laplace_nll: -log p(x | z) in nats with its constants, summed over
// features, mean over the samples of a batch. The scale is a parameter of the node, or comes with
// each value as its logarithm. Formulas: pipeline/model/likelihood.hpp.
#pragma once

#include "pipeline/model/likelihood.hpp"

namespace narrows::plugins {

class LocationScaleNll : public Node {
public:
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void backward(Context& context) override;

protected:
    static Schema& describe_ports(Schema& schema, std::string_view summary);
    LocationScaleNll(model::Likelihood::Kind kind, std::string metric)
        : metric_(std::move(metric)) {
        likelihood_.kind = kind;
    }

private:
    std::string metric_;
    model::Likelihood likelihood_;
    double scale_ = 1, smallest_ = 1e-3;
    std::size_t rows_ = 0;
};

class GaussianNll final : public LocationScaleNll {
public:
    GaussianNll() : LocationScaleNll(model::Likelihood::Kind::gaussian, "gaussian_nll") {}
    static void describe(Schema& schema);
};

class LaplaceNll final : public LocationScaleNll {
public:
    LaplaceNll() : LocationScaleNll(model::Likelihood::Kind::laplace, "laplace_nll") {}
    static void describe(Schema& schema);
};

}  // namespace narrows::plugins
