// top_k: the k largest values of a sample stay, all others become 0 (Makhzani and Frey 2013,
// section 2.2). Of equal values the first stay, so that exactly k do. While training, k may go from
// `start` down to k in equal steps over the first `epochs` epochs (section 3.2); everywhere else it
// is k.
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
    std::string describe() const override;
    bool samples_apart() const override { return true; }
    bool reads_traces() const override { return false; }

private:
    std::size_t k_in(const Pass& pass) const;

    std::int64_t k_ = 25, start_ = 0, epochs_ = 0;
    std::size_t size_ = 0;
};

}  // namespace narrows::layers
