// One step of a dense layer's weights: gradient, Adam and, where one is kept, the packed transpose,
// eight rows at a time. The divisions and roots of eight rows run between the sums of the next
// eight, and what their step will touch is asked for meanwhile.
constexpr std::size_t step_rows = 8, step_values = step_rows * panel_width;
constexpr auto sum_columns = static_cast<std::size_t>(gradient_vectors) * width;
constexpr std::size_t sum_rows = gradient_rows(gradient_vectors);
constexpr std::size_t sum_tiles =
    (step_rows + sum_rows - 1) / sum_rows * (panel_width / sum_columns);

template <bool plain, class Moments>
struct StepBetween {
    static constexpr std::size_t all = 16;
    static constexpr std::size_t shares =
        (all + sum_tiles - 1) / sum_tiles;  // of each tile of sums
    static constexpr std::size_t values = step_values / all;
    static constexpr std::size_t none = ~std::size_t{0};
    const AdamConstants<plain>& constants;
    const Moments& moments;
    float* weight;
    std::size_t last = none;          // where the rows before begin, [8][32]
    const float* gradient = nullptr;  // theirs
    std::size_t next = 0;             // where these rows begin
    const float* next_rows =
        nullptr;           // in the transpose: a line in each of 32 rows, 32 floats apart
    std::size_t tile = 0;  // of these rows' sums

    NARROWS_INLINE void step(typename Moments::Row row, std::size_t at) const {
        F value = load(weight + last + at), mean, variance;
        moments.read_at(last + at, width, mean, variance);
        adam_vector(constants, load(gradient + at), value, mean, variance);
        store(weight + last + at, value);
        moments.write_at(row, last + at, width, mean, variance);
    }
    NARROWS_INLINE void operator()(std::size_t share) const {
        share += tile * shares;
        if (all % shares != 0 && share >= all) return;
        prefetch_to_write(weight + next + share * values);
        moments.prefetch(next + share * values);
        if (next_rows != nullptr) {
            __builtin_prefetch(next_rows + 2 * share * panel_width);
            __builtin_prefetch(next_rows + (2 * share + 1) * panel_width);
        }
        if (last == none) return;
        const auto row = moments.row(last + share * values);
#pragma GCC unroll 16
        for (std::size_t i = 0; i < values; i += width) step(row, share * values + i);
    }
};

// Of a few samples, sums are a small part: they stay in registers, and the divisions and roots of
// one tile run beside the sums of the next ones by themselves.
constexpr std::size_t few_samples = 16;
// Of many, Adam's part is small: sums are taken for more weights at once then, and Adam after them.
// Few registers make it pay from the start; many, where the sums read far (rows by pages).
constexpr std::size_t far_stride = 1024;
constexpr std::size_t long_step_rows = 96;

NARROWS_INLINE std::size_t samples_of(std::span<const OuterTerm> terms) {
    std::size_t samples = 0;
    for (const OuterTerm& term : terms) samples += term.rows;
    return samples;
}

// Rows `row` ... of the panel, whole vectors from its column `at`.
template <bool plain, class Moments>
NARROWS_INLINE void few_tile(const DenseStep& d, const AdamConstants<plain>& constants,
                             const Moments& moments, std::size_t row, std::size_t at) {
    F sums[few_rows][few_vectors];
#pragma GCC unroll 16
    for (int r = 0; r < few_rows; ++r)
#pragma GCC unroll 16
        for (int v = 0; v < few_vectors; ++v) sums[r][v] = set(0.0f);
    for (const OuterTerm& term : d.terms) {
        const float* a = term.a + row;
        const float* b = term.b + d.panel * panel_width + at;
        for (std::size_t n = 0; n < term.rows; ++n, a += term.a_stride, b += term.b_stride) {
            F slope[few_vectors];
#pragma GCC unroll 16
            for (int v = 0; v < few_vectors; ++v)
                slope[v] = load(b + static_cast<std::size_t>(v) * width);
#pragma GCC unroll 16
            for (int r = 0; r < few_rows; ++r) {
                const F value = set(a[r]);
#pragma GCC unroll 16
                for (int v = 0; v < few_vectors; ++v)
                    sums[r][v] = fused(value, slope[v], sums[r][v]);
            }
        }
    }
    const std::size_t first = (d.panel * d.inputs + row) * panel_width;
#pragma GCC unroll 16
    for (int r = 0; r < few_rows; ++r) {
        const std::size_t start = first + static_cast<std::size_t>(r) * panel_width;
        const auto random = moments.row(start);
#pragma GCC unroll 16
        for (int v = 0; v < few_vectors; ++v) {
            const std::size_t place = start + at + static_cast<std::size_t>(v) * width;
            F weight = load(d.weight + place), mean, variance;
            moments.read_at(place, width, mean, variance);
            adam_vector(constants, sums[r][v], weight, mean, variance);
            store(d.weight + place, weight);
            moments.write_at(random, place, width, mean, variance);
        }
    }
}

// Sums of step_rows rows from `row`, a panel wide, from row `from` of those on.
template <std::size_t from, class Between>
NARROWS_INLINE void sums_of_step(std::span<const OuterTerm> terms, std::size_t row,
                                 std::size_t column, Between& between, float* gradient) {
    constexpr std::size_t rows = step_rows - from < sum_rows ? step_rows - from : sum_rows;
    for (std::size_t at = 0; at < panel_width; at += sum_columns, ++between.tile)
        outer_tile<static_cast<int>(rows), gradient_vectors, false>(
            terms.data(), terms.size(), row + from, column + at, column + panel_width, false,
            gradient + from * panel_width + at, between);
    if constexpr (from + rows < step_rows)
        sums_of_step<from + rows>(terms, row, column, between, gradient);
}

// Asks for `count` weights from `first` and their moments.
template <class Moments>
NARROWS_INLINE void ask_for(const DenseStep& d, const Moments& moments, std::size_t first,
                            std::size_t count) {
    for (std::size_t at = first; at < first + count; at += 16) {
        prefetch_to_write(d.weight + at);
        moments.prefetch(at);
    }
}

// The terms with this panel's columns brought near, where they are few and short enough.
struct NearTerms {
    NearTerms(const DenseStep& d, std::size_t samples)
        : terms(d.terms), panel(d.panel), columns(d.outputs) {
        if (samples <= few_samples || samples > near_rows || d.terms.size() > most) return;
        for (const OuterTerm& term : d.terms)
            if (!comes_near(term)) return;
        std::size_t rows = 0, count = 0;
        for (const OuterTerm& term : d.terms) {
            parts[count++] =
                near_term(term, 0, term.rows, d.panel, d.outputs, values + rows * panel_width);
            rows += term.rows;
        }
        terms = {parts, count};
        panel = 0;
        columns = columns_of(d.panel, d.outputs);
        near = true;
    }
    static constexpr std::size_t most = 4;
    std::span<const OuterTerm> terms;
    std::size_t panel, columns;  // as weight_gradient takes them
    bool near = false;
    OuterTerm parts[most];
    alignas(64) float values[near_rows * panel_width];
};

template <bool plain, class Moments>
void long_step(const DenseStep& d, std::size_t samples, const AdamConstants<plain>& constants,
               const Moments& moments) {
    const NearTerms near(d, samples);
    alignas(64) float gradient[long_step_rows * panel_width];
    constexpr std::size_t piece = 4 * sum_rows;
    static_assert(long_step_rows % piece == 0 && long_step_rows % step_rows == 0);
    for (std::size_t row = d.first; row < d.last; row += long_step_rows) {
        const std::size_t count = d.last - row < long_step_rows ? d.last - row : long_step_rows;
        const std::size_t offset = (d.panel * d.inputs + row) * panel_width;
        if (!near.near) weight_gradient(d.terms, row, count, d.panel, d.outputs, gradient);
        for (std::size_t r = 0; r < count && near.near; r += piece) {
            const std::size_t rows = count - r < piece ? count - r : piece;
            ask_for(d, moments, offset + (long_step_rows + r) * panel_width, piece * panel_width);
            gradient_rows_of<gradient_vectors>(near.terms, row + r, rows, near.panel, near.columns,
                                               false, gradient + r * panel_width);
        }
        adam_pass(constants, d.weight + offset, gradient, moments, offset, count * panel_width);
        for (std::size_t r = 0; r < count && d.transposed != nullptr; r += step_rows)
            transpose_tile(d.weight + offset + r * panel_width, row + r,
                           count - r < step_rows ? count - r : step_rows, d.panel, d.inputs,
                           d.outputs, d.transposed);
    }
}

template <bool plain, class Moments>
NARROWS_INLINE void dense_step(const DenseStep& d, const AdamConstants<plain>& constants,
                               const Moments& moments) {
    const std::size_t samples = samples_of(d.terms);
    const bool far = d.inputs >= far_stride || d.outputs >= far_stride;
    if (samples >= (far ? many_far_samples : many_samples))
        return long_step(d, samples, constants, moments);
    alignas(64) float gradients[2][step_values];
    const NearTerms near(d, samples);
    const std::size_t start = d.panel * d.inputs * panel_width, column = d.panel * panel_width;
    const auto transpose = [&](std::size_t row, std::size_t count) {
        if (d.transposed == nullptr) return;
        transpose_tile(d.weight + start + row * panel_width, row, count, d.panel, d.inputs,
                       d.outputs, d.transposed);
    };
    StepBetween<plain, Moments> between{constants, moments, d.weight};
    std::size_t row = d.first;
    int side = 0;
    if (samples <= few_samples)
        for (; row + step_rows <= d.last && column + panel_width <= d.outputs; row += step_rows) {
            for (std::size_t r = 0; r < step_rows; r += few_rows)
                for (std::size_t at = 0; at < panel_width; at += few_vectors * width)
                    few_tile(d, constants, moments, row + r, at);
            transpose(row, step_rows);
        }
    for (; row + step_rows <= d.last && column + panel_width <= d.outputs; row += step_rows) {
        between.next = start + row * panel_width;
        if (d.transposed != nullptr)
            between.next_rows = d.transposed + row / panel_width * d.outputs * panel_width +
                                column * panel_width + row % panel_width;
        between.tile = 0;
        sums_of_step<0>(near.terms, row, near.panel * panel_width, between, gradients[side]);
        if (between.last != between.none) transpose(row - step_rows, step_rows);
        between.last = between.next;
        between.gradient = gradients[side];
        side = 1 - side;
    }
    if (between.last != between.none) {
        for (std::size_t at = 0; at < step_values; at += width)
            between.step(moments.row(between.last + at), at);
        transpose(row - step_rows, step_rows);
    }
    for (; row < d.last; row += step_rows) {
        const std::size_t count = d.last - row < step_rows ? d.last - row : step_rows;
        const std::size_t offset = start + row * panel_width;
        weight_gradient(d.terms, row, count, d.panel, d.outputs, gradients[side]);
        adam_pass(constants, d.weight + offset, gradients[side], moments, offset,
                  count * panel_width);
        transpose(row, count);
    }
}

template <class Moments>
NARROWS_INLINE void dense_step(const DenseStep& d, const Moments& moments) {
    if (is_plain(d.adam))
        dense_step(d, AdamConstants<true>(d.adam), moments);
    else
        dense_step(d, AdamConstants<false>(d.adam), moments);
}
void dense_adam(const DenseStep& d) {
    dense_step(d, ApartMoments{d.mean, d.variance});
}
void dense_adam_bf16(const DenseStep& d) {
    dense_step(d, PairedMoments(d.mean, d.adam.rounding, 0));
}
