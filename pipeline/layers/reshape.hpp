// flatten and reshape: the same values under another shape. One rule: they copy a batch that is
// given to them and compute nothing; within a model the copy is left out.
#pragma once

#include <vector>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC Flatten final : public Layer {
public:
    ~Flatten() override;
    static void describe(Schema& schema);
    Shape configure(const Shape& input) override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    bool affine(std::span<float> factor, std::span<float> offset) const override;
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    std::string describe() const override;
    bool only_shape() const override { return true; }
    bool samples_apart() const override { return true; }
    bool reads_traces() const override { return false; }

private:
    std::size_t size_ = 0;
};

class NARROWS_PUBLIC Reshape final : public Layer {
public:
    ~Reshape() override;
    static void describe(Schema& schema);
    Shape configure(const Shape& input) override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    bool affine(std::span<float> factor, std::span<float> offset) const override;
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    std::string describe() const override;
    bool only_shape() const override { return true; }
    bool samples_apart() const override { return true; }
    bool reads_traces() const override { return false; }

private:
    std::vector<double> shape_;
    Shape output_;
};

}  // namespace narrows::layers
