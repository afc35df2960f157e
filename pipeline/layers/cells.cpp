#include "pipeline/layers/cells.hpp"

#include <algorithm>

namespace narrows::layers {
namespace {

struct TapAt {
    std::int64_t tap, offset;  // of the element it meets, from the run's place on the input side
    bool operator==(const TapAt&) const = default;
};
// Outputs first, first + step, ... of one axis that meet the same taps.
struct Run {
    std::int64_t first, step, count;
    std::int64_t in, in_step;
    std::vector<TapAt> taps;
};

void append(std::vector<Run>& runs, Run run) {
    if (run.taps.empty()) {
        run.in = run.in_step = 0;
    } else {  // the run's place is where its first tap is
        const std::int64_t place = run.taps.front().offset;
        run.in += place;
        for (TapAt& tap : run.taps) tap.offset -= place;
    }
    if (!runs.empty()) {
        Run& last = runs.back();
        if (last.taps == run.taps && last.in_step == run.in_step && last.step == run.step &&
            last.first + last.count * last.step == run.first &&
            last.in + last.count * last.in_step == run.in) {
            ++last.count;
            return;
        }
    }
    runs.push_back(std::move(run));
}

std::vector<Run> gather_runs(const Axis& axis) {
    std::vector<Run> runs;
    for (std::int64_t window = 0; window < axis.small; ++window) {
        Run run{window, 1, 1, axis.element(window, 0), axis.stride, {}};
        for (std::int64_t tap = 0; tap < axis.kernel; ++tap)
            if (const std::int64_t at = axis.element(window, tap); at >= 0 && at < axis.big)
                run.taps.push_back({tap, tap * axis.dilation});
        append(runs, std::move(run));
    }
    return runs;
}

// An element's windows have taps whose distance divides by the stride: each phase has its own.
std::vector<Run> spread_runs(const Axis& axis) {
    std::vector<Run> runs;
    for (std::int64_t phase = 0; phase < std::min(axis.stride, axis.big); ++phase)
        for (std::int64_t at = phase; at < axis.big; at += axis.stride) {
            const std::int64_t place = at / axis.stride;
            Run run{at, axis.stride, 1, place, 1, {}};
            for (std::int64_t tap = axis.kernel; tap-- > 0;) {  // windows increasing
                const std::int64_t from = at + axis.low - tap * axis.dilation;
                if (from < 0 || from % axis.stride != 0 || from / axis.stride >= axis.small)
                    continue;
                run.taps.push_back({tap, from / axis.stride - place});
            }
            append(runs, std::move(run));
        }
    return runs;
}

// `pitch`: elements of a row on the input and the output side; `in`, `out`: values of an element. A
// tap has `in` rows of B.
std::vector<Cell> cross(const std::vector<Run>& rows, const std::vector<Run>& columns,
                        std::int64_t kernel_columns, std::int64_t in_pitch, std::int64_t out_pitch,
                        std::int64_t in, std::int64_t out) {
    std::vector<Cell> cells;
    for (const Run& row : rows)
        for (const Run& column : columns) {
            Cell cell;
            cell.rows = static_cast<std::size_t>(row.count);
            cell.columns = static_cast<std::size_t>(column.count);
            cell.in = {(row.in * in_pitch + column.in) * in, row.in_step * in_pitch * in,
                       column.in_step * in};
            cell.out = {(row.first * out_pitch + column.first) * out, row.step * out_pitch * out,
                        column.step * out};
            for (const TapAt& i : row.taps)
                for (const TapAt& j : column.taps) {
                    const simd::Stretch next{
                        static_cast<std::ptrdiff_t>((i.offset * in_pitch + j.offset) * in),
                        static_cast<std::size_t>((i.tap * kernel_columns + j.tap) * in),
                        static_cast<std::size_t>(in)};
                    if (!cell.stretches.empty()) {
                        simd::Stretch& last = cell.stretches.back();
                        if (last.a + static_cast<std::ptrdiff_t>(last.depth) == next.a &&
                            last.row + last.depth == next.row) {
                            last.depth += next.depth;
                            continue;
                        }
                    }
                    cell.stretches.push_back(next);
                }
            if (cell.stretches.empty()) cell.stretches.push_back({});  // between windows: the bias
            cells.push_back(std::move(cell));
        }
    return cells;
}

}  // namespace

std::vector<Cell> gather_cells(const Windows& w, std::size_t outputs) {
    return cross(gather_runs(w.rows), gather_runs(w.columns), w.columns.kernel, w.columns.big,
                 w.columns.small, w.channels, static_cast<std::int64_t>(outputs));
}

std::vector<Cell> spread_cells(const Windows& w, std::size_t inputs) {
    return cross(spread_runs(w.rows), spread_runs(w.columns), w.columns.kernel, w.columns.small,
                 w.columns.big, static_cast<std::int64_t>(inputs), w.channels);
}

namespace {

// One of the three ways to go through a cell: its outputs of a sample, or the samples.
struct Way {
    std::size_t count;
    std::ptrdiff_t in, out;
};

void multiply_ways(const Cell& cell, const simd::Product& product, const float* in, const Way& rows,
                   const Way& inner, const Way& outer) {
    simd::Product each = product;
    each.rows = rows.count;
    each.a_stride = static_cast<std::size_t>(rows.in);
    each.c_stride = static_cast<std::size_t>(rows.out);
    each.stretches = cell.stretches;
    for (std::size_t i = 0; i < outer.count; ++i)
        for (std::size_t j = 0; j < inner.count; ++j) {
            const std::ptrdiff_t at_in = static_cast<std::ptrdiff_t>(i) * outer.in +
                                         static_cast<std::ptrdiff_t>(j) * inner.in + cell.in.first;
            const std::ptrdiff_t at_out = static_cast<std::ptrdiff_t>(i) * outer.out +
                                          static_cast<std::ptrdiff_t>(j) * inner.out +
                                          cell.out.first;
            each.a = in + at_in;
            each.c = product.c + at_out;
            each.before = product.before ? product.before + at_out : nullptr;
            each.relu_output = product.relu_output ? product.relu_output + at_out : nullptr;
            simd::kernels().product(each);
        }
}

}  // namespace

void multiply_cells(std::span<const Cell> cells, simd::Product product, const float* in,
                    std::size_t in_size, std::size_t out_size, std::size_t first,
                    std::size_t last) {
    // A few samples at a time, so that they stay in the cache from cell to cell.
    constexpr std::size_t most_values = std::size_t{1} << 17;
    std::size_t together = std::max<std::size_t>(1, most_values / (in_size + out_size));
    constexpr std::size_t whole_tiles = 24;  // fills tiles of 6 rows and of 8
    if (together > whole_tiles) together -= together % whole_tiles;
    for (; last - first > together; first += together)
        multiply_cells(cells, product, in, in_size, out_size, first, first + together);
    const Way samples{last - first, static_cast<std::ptrdiff_t>(in_size),
                      static_cast<std::ptrdiff_t>(out_size)};
    const float* const from = in + first * in_size;
    product.c += first * out_size;
    if (product.before) product.before += first * out_size;
    if (product.relu_output) product.relu_output += first * out_size;
    // The longest way makes the product's rows, or the first that fills the kernels' tiles.
    constexpr std::size_t enough = 16;
    for (const Cell& cell : cells) {
        const Way across{cell.columns, cell.in.across, cell.out.across};
        const Way down{cell.rows, cell.in.down, cell.out.down};
        const std::size_t longest = std::max({across.count, down.count, samples.count});
        if (across.count >= std::min(longest, enough))
            multiply_ways(cell, product, from, across, down, samples);
        else if (samples.count >= std::min(longest, enough))
            multiply_ways(cell, product, from, samples, across, down);
        else
            multiply_ways(cell, product, from, down, across, samples);
    }
}

}  // namespace narrows::layers
