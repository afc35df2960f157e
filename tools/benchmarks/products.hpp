// The three products of a dense layer at one batch, over buffers of their own.
#pragma once

#include "tools/benchmarks/measure.hpp"

namespace narrows::tools::benchmarks {

class LayerProducts {
public:
    LayerProducts(std::size_t rows, std::size_t in, std::size_t out);
    void forward();
    void input_gradient();
    void weight_gradient();
    double operations() const;  // of any of the three

private:
    std::size_t rows_, in_, out_;
    layers::Floats x_, dz_, panels_, transposed_, y_, dx_, spaced_x_, spaced_dz_;
};

}  // namespace narrows::tools::benchmarks
