// winner_take_all: while training, each unit keeps its largest values over the batch, the given
// share of it and at least one; all others become 0 (lifetime sparsity: Makhzani and Frey 2015,
// section 2.1). Every unit wins somewhere, so that none dies. Outside training all values pass, as
// published. Of equal values the first samples' stay.
#pragma once

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC WinnerTakeAll final : public Layer {
public:
    ~WinnerTakeAll() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    std::size_t workspace_bytes(std::size_t max_rows, bool training) const override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    std::optional<LayerSpec> mirror(const Shape&) const override { return LayerSpec{}; }
    std::string describe() const override { return "winner_take_all"; }

private:
    double share_ = 0.05;
    std::size_t size_ = 0;
};

}  // namespace narrows::layers
