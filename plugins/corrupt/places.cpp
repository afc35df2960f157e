#include "plugins/corrupt/places.hpp"

#include <algorithm>
#include <numeric>

#include "pipeline/simd/random.hpp"
#include "plugins/corrupt/draw_epoch.hpp"

namespace narrows::plugins {

// body(row, from) for the rows of the packet.
template <class Body>
void Places::each_row(Context& context, std::size_t values, const Body& body) const {
    const Context::Place& place = context.place();
    const RandomKey key = context.key();
    const auto ids = context.sample_ids();
    const std::uint32_t epoch = draw_epoch(place);
    context.loop().each(static_cast<std::size_t>(place.count), [&](std::size_t r) {
        std::vector<std::size_t> from(values);
        std::iota(from.begin(), from.end(), 0);
        arrange({key.seed, key.node, epoch, static_cast<std::uint64_t>(ids[r])}, from);
        body(static_cast<std::int64_t>(r), from);
    });
}

void Places::process(Context& context) {
    const Tensor<const float> x = context.in("x");
    const Tensor<float> y = context.out("x");
    if (y.data == nullptr) return;
    each_row(context, static_cast<std::size_t>(x.row_size()),
             [&](std::int64_t row, const std::vector<std::size_t>& from) {
                 for (std::size_t k = 0; k < from.size(); ++k) y.row(row)[k] = x.row(row)[from[k]];
             });
}

void Places::backward(Context& context) {
    const Tensor<const float> dy = context.gradient_of("x");
    const Tensor<float> dx = context.gradient_for("x");
    if (dx.data == nullptr || dy.data == nullptr) return;
    each_row(context, static_cast<std::size_t>(dy.row_size()),
             [&](std::int64_t row, const std::vector<std::size_t>& from) {
                 for (std::size_t k = 0; k < from.size(); ++k)
                     dx.row(row)[from[k]] = dy.row(row)[k];
             });
}

void Mirror::describe(Schema& schema) {
    describe_ports(schema, "Reverse one axis of every sample: mirror images.")
        .integer<&Mirror::axis_>("axis", -1, -8, 7,
                                 "of a sample, from 0; below 0 from its end: -1 is left to right");
}

void Mirror::open(OpenContext& context) {
    const Shape shape = context.shape("x"), sample = shape.sample();
    const auto rank = static_cast<std::int64_t>(sample.rank());
    const std::int64_t axis = axis_ < 0 ? axis_ + rank : axis_;
    if (axis < 0 || axis >= rank)
        context.fail("samples of shape " + to_string(sample) + " have no axis " +
                     std::to_string(axis_));
    extent_ = static_cast<std::size_t>(sample[static_cast<std::size_t>(axis)]);
    inner_ = 1;
    for (std::int64_t i = axis + 1; i < rank; ++i)
        inner_ *= static_cast<std::size_t>(sample[static_cast<std::size_t>(i)]);
    context.set_shape("x", shape);
}

void Mirror::arrange(const Key&, std::span<std::size_t> from) const {
    for (std::size_t k = 0; k < from.size(); ++k) {
        const std::size_t step = k / inner_ % extent_;
        from[k] = k + (extent_ - 1 - step) * inner_ - step * inner_;
    }
}

void Shuffle::describe(Schema& schema) {
    describe_ports(
        schema,
        "Bring the places of every sample into a random order of its own: the same parts "
        "without their pattern.")
        .choice<&Shuffle::channels_>("channels", "none", "none|first|last",
                                     "axis whose values belong to one place and move together");
}

void Shuffle::open(OpenContext& context) {
    const Shape shape = context.shape("x"), sample = shape.sample();
    places_ = static_cast<std::size_t>(sample.elements());
    if (channels_ != "none" && sample.rank() > 0) {
        count_ = static_cast<std::size_t>(sample[channels_ == "first" ? 0 : sample.rank() - 1]);
        places_ /= std::max<std::size_t>(count_, 1);
    }
    context.set_shape("x", shape);
}

// Fisher and Yates, from the last place down.
void Shuffle::arrange(const Key& key, std::span<std::size_t> from) const {
    std::vector<std::size_t> order(places_);
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t last = places_; last > 1; --last) {
        const auto block = static_cast<std::uint32_t>((places_ - last) / 4);
        const std::uint32_t word =
            simd::philox(key.seed, key.node, key.epoch, key.sample, block)[(places_ - last) % 4];
        std::swap(order[last - 1],
                  order[static_cast<std::size_t>(std::uint64_t{word} * last >> 32)]);
    }
    for (std::size_t k = 0; k < from.size(); ++k)
        from[k] = channels_ == "last" ? order[k / count_] * count_ + k % count_
                                      : k / places_ * places_ + order[k % places_];
}

}  // namespace narrows::plugins
