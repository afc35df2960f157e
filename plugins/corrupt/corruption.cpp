#include "plugins/corrupt/corruption.hpp"

#include <algorithm>

#include "plugins/corrupt/draw_epoch.hpp"
#include "plugins/optimize/cosine.hpp"

namespace narrows::plugins {
namespace {

// body(stream, row) for the rows of the packet.
template <class Body>
void each_row(Context& context, const Body& body) {
    const Context::Place& place = context.place();
    const RandomKey key = context.key();
    const auto ids = context.sample_ids();
    const std::uint32_t epoch = draw_epoch(place);
    context.loop().each(static_cast<std::size_t>(place.count), [&](std::size_t r) {
        body(simd::RandomStream{key.seed, key.node, epoch, static_cast<std::uint64_t>(ids[r])},
             static_cast<std::int64_t>(r));
    });
}

}  // namespace

double Ramp::at(std::uint32_t epoch, std::uint32_t epochs) const {
    if (start == end) return start;
    if (epochs < 2 || epoch + 1 >= epochs) return end;
    const double done = static_cast<double>(epoch) / static_cast<double>(epochs - 1);
    return start + (end - start) * (kind == "cosine" ? 0.5 * (1 - cos_pi(done)) : done);
}

void Corruption::open(OpenContext& context) {
    const Shape shape = context.shape("x");
    context.set_shape("x", shape);
    ramp_ = {strength_, end_ < 0 ? strength_ : end_, schedule_};
    epochs_ = context.epochs();
    if (!chooses()) return;
    context.set_shape("weight", shape);
    if (context.connected("weight") && context.shape("weight").rank() > 0 &&
        context.shape("weight").elements() != shape.elements())
        context.fail("weight has shape " + to_string(context.shape("weight")) + " but x has " +
                     to_string(shape));
}

float Corruption::strength_at(const Context::Place& place) const {
    return static_cast<float>(place.phase == Phase::training ? ramp_.at(place.epoch, epochs_)
                                                             : ramp_.end);
}

void Corruption::process(Context& context) {
    const Tensor<const float> clean = context.in("x");
    const Tensor<float> noisy = context.out("x");
    const auto features = static_cast<std::size_t>(clean.row_size());
    const float strength = strength_at(context.place());
    if (noisy.data != nullptr)
        each_row(context, [&](const simd::RandomStream& stream, std::int64_t row) {
            corrupt(stream, strength, clean.row(row), noisy.row(row), features);
        });
    if (chooses() && context.wanted("weight")) weigh(context, clean);
}

// The same random numbers choose again.
void Corruption::weigh(Context& context, const Tensor<const float>& clean) const {
    const Tensor<float> weight = context.out("weight");
    const Tensor<const float> factor = context.in("weight");  // no data where nothing is connected
    const auto features = static_cast<std::size_t>(clean.row_size());
    const float rate = strength_at(context.place());
    each_row(context, [&](const simd::RandomStream& stream, std::int64_t row) {
        float* out = weight.row(row);
        std::fill_n(out, features, beta_);
        simd::kernels().mask(stream, rate, alpha_, 1.0f, out, out, features);
        if (factor.data != nullptr) simd::kernels().multiply(factor.row(row), out, features);
    });
}

void Corruption::backward(Context& context) {
    const Tensor<const float> dy = context.gradient_of("x");
    const Tensor<float> dx = context.gradient_for("x");
    if (dx.data == nullptr || dy.data == nullptr) return;
    const auto features = static_cast<std::size_t>(dy.row_size());
    const float strength = strength_at(context.place());
    each_row(context, [&](const simd::RandomStream& stream, std::int64_t row) {
        pass_back(stream, strength, dy.row(row), dx.row(row), features);
    });
}

}  // namespace narrows::plugins
