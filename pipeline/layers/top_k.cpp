#include "pipeline/layers/top_k.hpp"

#include <algorithm>
#include <functional>

#include "pipeline/layers/extents.hpp"

namespace narrows::layers {

TopK::~TopK() = default;

void TopK::describe(Schema& schema) {
    schema.summary("Keeps the k largest values of a sample and sets all others to 0")
        .main("k")
        .integer<&TopK::k_>("k", 25, 1, 1 << 24, "values that stay");
}

Shape TopK::configure(const Shape& input) {
    size_ = static_cast<std::size_t>(input.elements());
    if (k_ > input.elements())
        throw Error(Fault::usage, "k is " + std::to_string(k_) + " but the input has " +
                                      std::to_string(input.elements()) + " values",
                    "use a smaller k");
    return input;
}

std::size_t TopK::workspace_bytes(std::size_t max_rows, bool) const {
    return max_rows * size_ * sizeof(float);
}

void TopK::forward(const Pass& pass, const float* x, float* y) {
    auto* const scratch = reinterpret_cast<float*>(pass.workspace);
    const auto k = static_cast<std::size_t>(k_);
    each_sample(pass, [&](std::size_t row) {
        const float* from = x + row * size_;
        float *sorted = scratch + row * size_, *to = y + row * size_;
        std::copy_n(from, size_, sorted);
        std::nth_element(sorted, sorted + (k - 1), sorted + size_, std::greater<>());
        const float least = sorted[k - 1];
        auto equal = static_cast<std::size_t>(k);   // places left for values that equal the least
        for (std::size_t i = 0; i < size_; ++i) equal -= from[i] > least;
        for (std::size_t i = 0; i < size_; ++i) {
            const bool first = from[i] == least && equal > 0;
            equal -= first;
            to[i] = from[i] > least || first ? from[i] : 0.0f;
        }
    });
}

void TopK::backward(const Pass& pass, const float*, const float* y, float* dy, float* dx) {
    each_sample(pass, [&](std::size_t row) {
        for (std::size_t i = row * size_; i < (row + 1) * size_; ++i) {
            if (y[i] == 0) dy[i] = 0;
            if (dx) dx[i] = dy[i];
        }
    });
}

}  // namespace narrows::layers
