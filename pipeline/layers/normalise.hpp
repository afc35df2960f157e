// normalise: y = (x - mean) / deviation with the mean of each feature and one deviation for all,
// the root of the features' mean variance; `inverse` undoes it. Not trained: fitted to the training
// data before the first step, so that what follows does not depend on the data's units.
#pragma once

#include <memory>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC Normalise final : public Layer {
public:
    ~Normalise() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    std::vector<Parameter*> parameters() override;
    void initialise(RandomKey) override;
    void fit(std::span<const float> mean, std::span<const float> deviation) override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    bool affine(std::span<float> factor, std::span<float> offset) const override;
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    std::string describe() const override { return inverse_ ? "normalise inverse" : "normalise"; }
    bool samples_apart() const override { return true; }
    bool reads_traces() const override { return false; }

private:
    bool inverse_ = false;
    std::size_t size_ = 0;
    std::unique_ptr<Parameter> mean_, deviation_;
};

}  // namespace narrows::layers
