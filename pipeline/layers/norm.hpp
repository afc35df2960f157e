// batch_norm and layer_norm: y = gain * (x - mean) / sqrt(variance + epsilon) + shift.
// Batch norm takes mean and variance of a channel (the last axis; of a vector each value) over the
// batch, and running ones outside training (Ioffe and Szegedy 2015); layer norm those of a sample's
// last axis (Ba et al. 2016). Sums are one chain in double per channel or row.
#pragma once

#include <memory>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC BatchNorm final : public Layer {
public:
    ~BatchNorm() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    std::vector<Parameter*> parameters() override;
    void initialise(RandomKey) override;
    std::size_t workspace_bytes(std::size_t max_rows, bool training) const override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    void update(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule) override;
    bool affine(std::span<float> factor, std::span<float> offset) const override;
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    std::string describe() const override { return "batch_norm"; }

private:
    struct Sums {                            // in a pass's workspace, `channels` floats each
        float *mean, *scale, *gain, *shift;  // scale: 1 / sqrt(variance + epsilon)
    };
    Sums sums(const Pass& pass) const;
    template <class Body>
    void each_channel_block(const Pass& pass, Body body) const;

    double momentum_ = 0.1, epsilon_ = 1e-5;
    std::size_t channels_ = 0, positions_ = 1;
    std::unique_ptr<Parameter> gain_, shift_, mean_, variance_;
};

class NARROWS_PUBLIC LayerNorm final : public Layer {
public:
    ~LayerNorm() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    std::vector<Parameter*> parameters() override;
    void initialise(RandomKey) override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    void update(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule) override;
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    std::string describe() const override { return "layer_norm"; }
    bool samples_apart() const override { return true; }

private:
    void moments(const float* x, double& mean, double& scale) const;
    double epsilon_ = 1e-5;
    std::size_t width_ = 0, groups_ = 1;  // values normalised together; how many of them a sample
    std::unique_ptr<Parameter> gain_, shift_;
};

}  // namespace narrows::layers
