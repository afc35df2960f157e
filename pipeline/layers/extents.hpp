// What the layers without parameters share: how an input is read as an image or a signal, and how
// a batch is cut. One rule: [rows, columns, channels] is an image and [time] a signal; [a, b] is a
// signal of b channels unless a setting names two axes, then an image of one channel.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

struct Extents {
    std::int64_t rows = 1, columns = 1, channels = 1;
    std::size_t axes = 1;  // named by settings: 1 signal, 2 image
    bool channel_axis = true;
};

inline Extents read_extents(const Shape& input, bool two_axes_named) {
    if (input.rank() == 3) return {input[0], input[1], input[2], 2, true};
    if (input.rank() == 2 && two_axes_named) return {input[0], input[1], 1, 2, false};
    if (input.rank() == 2) return {1, input[0], input[1], 1, true};
    if (input.rank() == 1) return {1, input[0], 1, 1, false};
    throw Error(Fault::usage,
                "the input " + to_string(input) +
                    " is neither an image [rows, columns, channels] nor a signal "
                    "[time, channels]",
                "put { reshape = [ROWS, COLUMNS, CHANNELS] } before it");
}

inline Shape shape_of(const Extents& like, std::int64_t rows, std::int64_t columns) {
    Shape shape;
    if (like.axes == 2) shape.push_back(rows);
    shape.push_back(columns);
    if (like.channel_axis) shape.push_back(like.channels);
    return shape;
}

inline Setting numbers_setting(std::string name, std::vector<double> values) {
    Setting setting{std::move(name), {}, {}};
    setting.value.numbers = std::move(values);
    return setting;
}

// body(sample) for every row, whole samples a task, some tasks for each thread.
template <class Body>
void each_sample(const Pass& pass, Body body) {
    const std::size_t threads = pass.loop->threads();
    const std::size_t tasks = std::min(pass.rows, threads <= 1 ? 1 : 4 * threads);
    pass.loop->each(tasks, [&](std::size_t task) {
        for (std::size_t row = pass.rows * task / tasks; row < pass.rows * (task + 1) / tasks;
             ++row)
            body(row);
    });
}

}  // namespace narrows::layers
