// activation: an elementwise function as a layer of its own.
#pragma once

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC ActivationLayer final : public Layer {
public:
    ~ActivationLayer() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    std::size_t workspace_bytes(std::size_t, bool) const override { return 0; }
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    std::optional<simd::Activation> activation() const override { return act_; }
    float alpha() const;
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    std::string describe() const override { return name_; }
    bool samples_apart() const override { return true; }
    bool reads_traces() const override { return false; }

private:
    std::string name_ = "relu";
    double alpha_ = 0;
    std::optional<simd::Activation> act_;
    std::size_t size_ = 0;
};

}  // namespace narrows::layers
