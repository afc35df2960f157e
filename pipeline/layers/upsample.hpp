// upsample: repeats the elements of channels-last images and signals. One rule: on each axis
// ceil(output / factor) is the input's extent, so that every element is repeated at least once.
#pragma once

#include <vector>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

// y[i] = x[i / factor] on each axis. `size` cuts the output to that many elements an axis, so
// that it mirrors a pooling whose last window hung over the end: 4 -> 7 by factor 2.
class NARROWS_PUBLIC Upsample final : public Layer {
public:
    ~Upsample() override;
    static void describe(Schema& schema);
    Shape configure(const Shape& input) override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    std::string describe() const override;
    bool samples_apart() const override { return true; }
    bool reads_traces() const override { return false; }

private:
    std::vector<double> factor_, size_;
    std::int64_t rows_ = 1, columns_ = 1, channels_ = 1;  // of x
    std::int64_t row_factor_ = 1, column_factor_ = 1, out_rows_ = 1, out_columns_ = 1;
};

}  // namespace narrows::layers
