// top_k: the k largest values of a sample stay, all others become 0 (Makhzani and Frey 2013). Of equal
// values the first stay, so that exactly k do.
#pragma once

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC TopK final : public Layer {
public:
    ~TopK() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    std::size_t workspace_bytes(std::size_t max_rows, bool training) const override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    std::optional<LayerSpec> mirror(const Shape&) const override { return LayerSpec{}; }
    std::string describe() const override { return "top_k " + std::to_string(k_); }

private:
    std::int64_t k_ = 25;
    std::size_t size_ = 0;
};

}  // namespace narrows::layers
