// encode: x -> z, the encoder half of a model. A Gaussian latent also gives its means and
// log-variances; z is then a sample (mean + exp(log_variance / 2) * e, e drawn by seed, epoch and
// sample) or the mean; `draws` are several such samples of each.
#pragma once

#include "plugins/encode/bound_model.hpp"

namespace narrows::plugins {

class Encode final : public Node, public FindsNotFinite {
public:
    static void describe(Schema& schema);
    void open(OpenContext& context) override;
    void process(Context& context) override;
    void backward(Context& context) override;
    std::string first_not_finite(Context& context) override;

private:
    bool samples(const Context& context) const;
    void draw(Context& context);

    std::int64_t first_ = 0, last_ = 0, draws_ = 0;
    model::LayerRange range_;
    std::string sample_ = "auto";
    bool gaussian_ = false;
    std::size_t code_ = 0;  // units
    std::size_t workspace_ = 0, raw_ = 0, gradient_ = 0, noise_ = 0, deviation_ = 0;
};

}  // namespace narrows::plugins
