// centre: y = x - b, and with `inverse` y = x + b. In an encoder and a decoder both are one trained
// b, the decoder's bias, which starts at the data's mean (Bricken et al. 2023, "Towards
// Monosemanticity", appendix: pre-encoder bias). The first layer of an encoder and the last of a
// decoder; an inverse without a partner has a b of its own.
#pragma once

#include <memory>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC Centre final : public Layer {
public:
    ~Centre() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    std::vector<Parameter*> parameters() override;
    void fit(std::span<const float> mean, std::span<const float> deviation) override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    void prepare_update(std::span<const Trace> traces) override { traces_ = traces; }
    void update(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule) override;
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    // False unless `other` is a centre of the same size and of the other direction.
    bool tie(Layer& other) override;
    std::string describe() const override { return inverse_ ? "centre inverse" : "centre"; }
    bool samples_apart() const override { return true; }

private:
    const float* bias() const { return owner_ ? owner_->bias_->data() : bias_->data(); }
    void add_gradient(std::span<const Trace> traces, float sign);

    bool inverse_ = false;
    std::size_t size_ = 0;
    std::unique_ptr<Parameter> bias_;
    Centre *owner_ = nullptr, *partner_ = nullptr;
    std::span<const Trace> traces_;
    std::vector<float> gradient_, sums_;
};

}  // namespace narrows::layers
