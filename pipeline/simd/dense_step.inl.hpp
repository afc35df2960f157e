// One step of a dense layer's weights: gradient, Adam and, where one is kept, the packed transpose, eight
// rows at a time. The divisions and roots of eight rows run between the sums of the next eight, and what
// their step will touch is asked for meanwhile.
constexpr std::size_t step_rows = 8, step_values = step_rows * panel_width;
constexpr auto sum_columns = static_cast<std::size_t>(gradient_vectors) * width;
constexpr std::size_t sum_tiles = step_rows / gradient_rows * (panel_width / sum_columns);

struct StepBetween {
    static constexpr std::size_t shares = 16 / sum_tiles;  // of each tile of sums
    static constexpr std::size_t values = step_values / 16;
    const AdamConstants& constants;
    float* last[3] = {};              // rows before: weight, mean, variance, [8][32]; null: none
    const float* gradient = nullptr;  // theirs
    const float* next[3] = {};        // these rows
    const float* next_rows =
        nullptr;           // in the transpose: a line in each of 32 rows, 32 floats apart
    std::size_t tile = 0;  // of these rows' sums

    NARROWS_INLINE void step(std::size_t at) const {
        F weight = load(last[0] + at), mean = load(last[1] + at), variance = load(last[2] + at);
        adam_vector(constants, load(gradient + at), weight, mean, variance);
        store(last[0] + at, weight);
        store(last[1] + at, mean);
        store(last[2] + at, variance);
    }
    NARROWS_INLINE void operator()(std::size_t share) const {
        share += tile * shares;
        for (const float* run : next) __builtin_prefetch(run + share * values);
        if (next_rows != nullptr) {
            __builtin_prefetch(next_rows + 2 * share * panel_width);
            __builtin_prefetch(next_rows + (2 * share + 1) * panel_width);
        }
        if (last[0] == nullptr) return;
#pragma GCC unroll 16
        for (std::size_t i = 0; i < values; i += width) step(share * values + i);
    }
};

void dense_adam(const DenseStep& d) {
    alignas(64) float gradients[2][step_values];
    float* const arrays[3] = {d.weight, d.mean, d.variance};
    const std::size_t start = d.panel * d.inputs * panel_width, column = d.panel * panel_width;
    const auto transpose = [&](std::size_t row, std::size_t count) {
        if (d.transposed == nullptr) return;
        transpose_tile(d.weight + start + row * panel_width, row, count, d.panel, d.inputs,
                       d.outputs, d.transposed);
    };
    const AdamConstants constants(d.adam);
    StepBetween between{constants};
    std::size_t row = d.first;
    int side = 0;
    for (; row + step_rows <= d.last && column + panel_width <= d.outputs; row += step_rows) {
        const std::size_t offset = start + row * panel_width;
        for (int i = 0; i < 3; ++i) between.next[i] = arrays[i] + offset;
        if (d.transposed != nullptr)
            between.next_rows = d.transposed + row / panel_width * d.outputs * panel_width +
                                column * panel_width + row % panel_width;
        between.tile = 0;
        for (std::size_t r = 0; r < step_rows; r += gradient_rows)
            for (std::size_t at = 0; at < panel_width; at += sum_columns, ++between.tile)
                outer_tile<gradient_rows, gradient_vectors, false>(
                    d.terms.data(), d.terms.size(), row + r, column + at, d.outputs,
                    gradients[side] + r * panel_width + at, between);
        if (between.last[0]) transpose(row - step_rows, step_rows);
        for (int i = 0; i < 3; ++i) between.last[i] = arrays[i] + offset;
        between.gradient = gradients[side];
        side = 1 - side;
    }
    if (between.last[0]) {
        for (std::size_t at = 0; at < step_values; at += width) between.step(at);
        transpose(row - step_rows, step_rows);
    }
    for (; row < d.last; row += step_rows) {
        const std::size_t count = d.last - row < step_rows ? d.last - row : step_rows;
        const std::size_t offset = start + row * panel_width;
        weight_gradient(d.terms, row, count, d.panel, d.outputs, gradients[side]);
        adam(d.adam, d.weight + offset, gradients[side], d.mean + offset, d.variance + offset,
             count * panel_width);
        transpose(row, count);
    }
}
