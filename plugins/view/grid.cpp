#include "plugins/view/grid.hpp"

#include <algorithm>

namespace narrows::plugins {

void ViewGrid::describe(Schema& schema) {
    schema.summary("Draw samples side by side as a PNG picture: images, fields or curves.")
        .threads(Threads::ordered)
        .binds_model(Need::optional)
        .in("x", "f32[batch, ...]", "samples, codes or anything else that has a shape")
        .in("below", "f32[batch, ...]",
            "reconstructions of x: under each picture, and over each curve", Need::optional)
        .integer<&ViewGrid::count_>("count", 64, 1, 1 << 20, "the first so many are drawn",
                                    "samples");
    describe_drawing(schema);
}

void ViewGrid::open(OpenContext& context) {
    const Shape shape = context.shape("x").sample();
    open_drawing(context, shape);
    paired_ = context.connected("below");
    if (paired_ && context.shape("below").sample().elements() != shape.elements())
        context.fail("x has samples of shape " + to_string(shape) + ", below of " +
                     to_string(context.shape("below").sample()));
    const std::int64_t drawn = std::min(count_, context.samples());
    context.hold(static_cast<std::uint64_t>(drawn * shape.elements()) * sizeof(float) *
                 (paired_ ? 2 : 1));
}

void ViewGrid::process(Context& context) {
    const auto take = [&](std::string_view port, std::vector<float>& values) {
        const Tensor<const float> in = context.in(port);
        const auto have = static_cast<std::int64_t>(values.size()) / in.row_size();
        const std::int64_t rows = std::min(context.place().count, count_ - have);
        values.insert(values.end(), in.data, in.data + rows * in.row_size());
    };
    take("x", x_);
    if (paired_) take("below", below_);
}

void ViewGrid::finish(RunContext& run) {
    write(run, x_, below_);
}

}  // namespace narrows::plugins
