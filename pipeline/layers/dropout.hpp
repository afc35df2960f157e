// dropout: while training, each value is 0 with probability `rate`, else divided by 1 - rate
// (Srivastava et al. 2014). A pure function of (seed, node, layer, epoch, sample, element).
#pragma once

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC Dropout final : public Layer {
public:
    ~Dropout() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    bool affine(std::span<float> factor, std::span<float> offset) const override;
    std::optional<LayerSpec> mirror(const Shape&) const override { return LayerSpec{}; }
    std::string describe() const override;
    bool samples_apart() const override { return true; }
    bool reads_traces() const override { return false; }

private:
    void apply(const Pass& pass, const float* from, float* to) const;
    double rate_ = 0.5;
    std::size_t size_ = 0;
};

}  // namespace narrows::layers
