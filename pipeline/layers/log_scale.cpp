#include "pipeline/layers/log_scale.hpp"

#include <algorithm>
#include <vector>

#include "pipeline/layers/extents.hpp"

namespace narrows::layers {

LogScale::~LogScale() = default;

void LogScale::describe(Schema& schema) {
    schema.summary("The learned scale of a Gaussian or Laplace likelihood: log s behind the values")
        .main("of")
        .choice<&LogScale::kind_>("of", "shared", "shared|feature",
                                  "one for all values, or one for each")
        .number<&LogScale::start_>("start", -1, -20, 20, "log s before training", "log data units");
}

Shape LogScale::configure(const Shape& input) {
    width_ = static_cast<std::size_t>(input.elements());
    const Shape shape{shared() ? 1 : input.elements()};
    values_ = std::make_unique<Parameter>("log_scale", shape, false, false);
    return Shape{2 * input.elements()};
}

void LogScale::initialise(RandomKey) {
    values_->set_values(std::vector<float>(values_->count(), static_cast<float>(start_)));
}

void LogScale::forward(const Pass& pass, const float* x, float* y) {
    each_sample(pass, [&](std::size_t row) {
        float* to = y + row * 2 * width_;
        std::copy_n(x + row * width_, width_, to);
        if (shared())
            std::fill_n(to + width_, width_, values_->data()[0]);
        else
            std::copy_n(values_->data(), width_, to + width_);
    });
}

void LogScale::backward(const Pass& pass, const float*, const float*, float* dy, float* dx) {
    if (dx == nullptr) return;
    each_sample(pass, [&](std::size_t row) {
        std::copy_n(dy + row * 2 * width_, width_, dx + row * width_);
    });
}

// Rows in order, in double; of a shared one also the values of a row.
void LogScale::update(const Loop&, std::span<const Trace> traces, const UpdateRule& rule) {
    if (traces.empty() || values_->frozen) return;
    std::vector<double> sums(values_->count());
    for (const Trace& trace : traces)
        for (std::size_t row = 0; row < trace.pass.rows; ++row) {
            const float* gradient = trace.dz + row * 2 * width_ + width_;
            for (std::size_t i = 0; i < width_; ++i) sums[shared() ? 0 : i] += gradient[i];
        }
    const std::vector<float> gradient(sums.begin(), sums.end());
    update_whole(*values_, gradient.data(), rule);
}

}  // namespace narrows::layers
