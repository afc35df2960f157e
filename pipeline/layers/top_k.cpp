#include "pipeline/layers/top_k.hpp"

#include <algorithm>
#include <functional>

#include "pipeline/layers/extents.hpp"

namespace narrows::layers {

TopK::~TopK() = default;

void TopK::describe(Schema& schema) {
    schema.summary("Keeps the k largest values of a sample and sets all others to 0")
        .main("k")
        .integer<&TopK::k_>("k", 25, 1, 1 << 24, "values that stay")
        .integer<&TopK::start_>("start", 0, 0, 1 << 24,
                                "values that stay in the first epoch of training; 0: k")
        .integer<&TopK::epochs_>("epochs", 0, 0, 1e9, "until k is reached from start", "epochs");
}

Shape TopK::configure(const Shape& input) {
    size_ = static_cast<std::size_t>(input.elements());
    if (k_ > input.elements())
        throw Error(Fault::usage,
                    "k is " + std::to_string(k_) + " but the input has " +
                        std::to_string(input.elements()) + " values",
                    "use a smaller k");
    if ((start_ > 0) != (epochs_ > 0))
        throw Error(Fault::usage, "start and epochs belong together",
                    "for example { top_k = 25, start = 100, epochs = 10 }");
    if (start_ > 0 && (start_ < k_ || start_ > input.elements()))
        throw Error(Fault::usage, "start is " + std::to_string(start_) +
                                      ", not between k = " + std::to_string(k_) + " and the " +
                                      std::to_string(input.elements()) + " values of the input");
    return input;
}

std::size_t TopK::workspace_bytes(std::size_t max_rows, bool) const {
    return max_rows * size_ * sizeof(float);
}

std::size_t TopK::k_in(const Pass& pass) const {
    const std::int64_t epoch = pass.epoch;
    if (pass.phase != Phase::training || epoch >= epochs_) return static_cast<std::size_t>(k_);
    return static_cast<std::size_t>(start_ - (start_ - k_) * epoch / epochs_);
}

std::string TopK::describe() const {
    const std::string from = start_ > 0 ? std::to_string(start_) + "-" : "";
    return "top_k " + from + std::to_string(k_);
}

void TopK::forward(const Pass& pass, const float* x, float* y) {
    auto* const scratch = reinterpret_cast<float*>(pass.workspace);
    const std::size_t k = k_in(pass);
    each_sample(pass, [&](std::size_t row) {
        const float* from = x + row * size_;
        float *sorted = scratch + row * size_, *to = y + row * size_;
        std::copy_n(from, size_, sorted);
        std::nth_element(sorted, sorted + (k - 1), sorted + size_, std::greater<>());
        const float least = sorted[k - 1];
        std::size_t equal = k;  // places left for values that equal the least
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
