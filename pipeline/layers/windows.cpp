#include "pipeline/layers/windows.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace narrows::layers {
namespace {

// A run of positions in one row of windows: what lies inside is then decided once a run.
struct RowRun {
    std::size_t sample;
    std::int64_t row, first, last;  // columns [first, last)
};

// Calls body(run, position of its first column counted from `first`).
template <class Body>
void each_row_run(const Windows& w, std::size_t first, std::size_t count, Body body) {
    std::size_t sample = first / w.positions();
    const auto position = static_cast<std::int64_t>(first % w.positions());
    std::int64_t row = position / w.columns.small, column = position % w.columns.small;
    for (std::size_t done = 0; done < count; column = 0) {
        const std::int64_t left = static_cast<std::int64_t>(count - done);
        const std::int64_t last = std::min(w.columns.small, column + left);
        body(RowRun{sample, row, column, last}, done);
        done += static_cast<std::size_t>(last - column);
        if (++row == w.rows.small) {
            row = 0;
            ++sample;
        }
    }
}

// The length as a constant lets the compiler use a few moves instead of a call.
template <std::size_t Length>
void copy(float* to, const float* from, std::size_t length) {
    std::memcpy(to, from, sizeof(float) * (Length ? Length : length));
}
template <std::size_t Length>
void add(float* __restrict to, const float* __restrict from, std::size_t length) {
    const std::size_t n = Length ? Length : length;
    for (std::size_t i = 0; i < n; ++i) to[i] += from[i];
}

// The columns of a run whose taps all lie inside, and the taps inside of a column at the edge.
struct Inside {
    std::int64_t first, last;
};
Inside cut(const Inside& columns, const RowRun& run) {
    const std::int64_t first = std::clamp(columns.first, run.first, run.last);
    return {first, std::clamp(columns.last, first, run.last)};
}
Inside whole_columns(const Axis& axis) {
    return {axis.first_window(0), axis.last_window(axis.kernel - 1)};
}
Inside taps_inside(const Axis& axis, std::int64_t window) {
    const std::int64_t start = axis.element(window, 0);
    const std::int64_t first = std::clamp<std::int64_t>(-start, 0, axis.kernel);
    return {first, std::clamp<std::int64_t>(axis.big - start, first, axis.kernel)};
}

// Taps that are neighbours in memory: each window row is one stretch of kernel * channels floats.
template <std::size_t Stretch>
void read_stretches(const Windows& w, const float* big, std::size_t first, std::size_t count,
                    float* patches) {
    const std::size_t channels = static_cast<std::size_t>(w.channels), depth = w.depth();
    const std::size_t stretch = static_cast<std::size_t>(w.columns.kernel) * channels;
    const std::size_t step = static_cast<std::size_t>(w.columns.stride) * channels;
    const Inside inner = whole_columns(w.columns);
    each_row_run(w, first, count, [&](const RowRun& run, std::size_t done) {
        const Inside whole = cut(inner, run);
        for (std::int64_t tap = 0; tap < w.rows.kernel; ++tap) {
            float* to = patches + done * depth + static_cast<std::size_t>(tap) * stretch;
            const std::int64_t row = w.rows.element(run.row, tap);
            if (row < 0 || row >= w.rows.big) {
                for (std::int64_t c = run.first; c < run.last; ++c, to += depth)
                    std::fill_n(to, stretch, 0.0f);
                continue;
            }
            const float* const line =
                big + run.sample * w.big_size() + row * w.columns.big * w.channels;
            const auto at_edge = [&](std::int64_t column) {
                const Inside taps = taps_inside(w.columns, column);
                const std::size_t left = static_cast<std::size_t>(taps.first) * channels;
                const std::size_t right = static_cast<std::size_t>(taps.last) * channels;
                std::fill_n(to, left, 0.0f);
                if (right > left)
                    copy<0>(to + left, line + w.columns.element(column, taps.first) * w.channels,
                            right - left);
                std::fill_n(to + right, stretch - right, 0.0f);
                to += depth;
            };
            for (std::int64_t c = run.first; c < whole.first; ++c) at_edge(c);
            const float* from = line + w.columns.element(whole.first, 0) * w.channels;
            for (std::int64_t c = whole.first; c < whole.last; ++c, to += depth, from += step)
                copy<Stretch>(to, from, stretch);
            for (std::int64_t c = whole.last; c < run.last; ++c) at_edge(c);
        }
    });
}

// An element gets at most one term from a row of windows and a row of taps per column: columns
// increasing keeps the order of positions.
template <std::size_t Stretch>
void add_stretches(const Windows& w, const float* patches, std::size_t first, std::size_t count,
                   float* big) {
    const std::size_t channels = static_cast<std::size_t>(w.channels), depth = w.depth();
    const std::size_t stretch = static_cast<std::size_t>(w.columns.kernel) * channels;
    const std::size_t step = static_cast<std::size_t>(w.columns.stride) * channels;
    const Inside inner = whole_columns(w.columns);
    each_row_run(w, first, count, [&](const RowRun& run, std::size_t done) {
        const Inside whole = cut(inner, run);
        for (std::int64_t tap = 0; tap < w.rows.kernel; ++tap) {
            const float* from = patches + done * depth + static_cast<std::size_t>(tap) * stretch;
            const std::int64_t row = w.rows.element(run.row, tap);
            if (row < 0 || row >= w.rows.big) continue;
            float* const line = big + run.sample * w.big_size() + row * w.columns.big * w.channels;
            const auto at_edge = [&](std::int64_t column) {
                const Inside taps = taps_inside(w.columns, column);
                const std::size_t left = static_cast<std::size_t>(taps.first) * channels;
                const std::size_t right = static_cast<std::size_t>(taps.last) * channels;
                if (right > left)
                    add<0>(line + w.columns.element(column, taps.first) * w.channels, from + left,
                           right - left);
                from += depth;
            };
            for (std::int64_t c = run.first; c < whole.first; ++c) at_edge(c);
            float* to = line + w.columns.element(whole.first, 0) * w.channels;
            for (std::int64_t c = whole.first; c < whole.last; ++c, from += depth, to += step)
                add<Stretch>(to, from, stretch);
            for (std::int64_t c = whole.last; c < run.last; ++c) at_edge(c);
        }
    });
}

// Few channels: a stretch is too short for vectors, and neighbouring ones overlap, so that each
// addition would wait for the one before. Tap by tap all columns of a run are independent. Taps
// go backwards: a later tap meets an element from an earlier window, so the order of positions
// is the same as everywhere.
template <std::size_t Channels>
void add_taps(const Windows& w, const float* patches, std::size_t first, std::size_t count,
              float* big) {
    const std::size_t channels = Channels ? Channels : static_cast<std::size_t>(w.channels);
    const std::size_t depth = w.depth();
    const std::size_t step = static_cast<std::size_t>(w.columns.stride) * channels;
    // Divisions cost more than a row of additions: the windows of the first taps are found once.
    std::array<Inside, 16> windows_of;
    const auto find = [&](std::int64_t tap) {
        return Inside{w.columns.first_window(tap), w.columns.last_window(tap)};
    };
    const auto known = static_cast<std::int64_t>(windows_of.size());
    for (std::int64_t j = 0; j < std::min(w.columns.kernel, known); ++j)
        windows_of[static_cast<std::size_t>(j)] = find(j);
    each_row_run(w, first, count, [&](const RowRun& run, std::size_t done) {
        for (std::int64_t i = 0; i < w.rows.kernel; ++i) {
            const std::int64_t row = w.rows.element(run.row, i);
            if (row < 0 || row >= w.rows.big) continue;
            float* const line = big + run.sample * w.big_size() + row * w.columns.big * w.channels;
            for (std::int64_t j = w.columns.kernel; j-- > 0;) {
                const auto [begin, end] =
                    cut(j < known ? windows_of[static_cast<std::size_t>(j)] : find(j), run);
                if (begin == end) continue;
                const float* __restrict from =
                    patches + (done + static_cast<std::size_t>(begin - run.first)) * depth +
                    static_cast<std::size_t>(i * w.columns.kernel + j) * channels;
                float* __restrict to = line + w.columns.element(begin, j) * w.channels;
                for (std::int64_t c = begin; c < end; ++c, from += depth, to += step)
                    for (std::size_t k = 0; k < channels; ++k) to[k] += from[k];
            }
        }
    });
}

// Dilated taps, or one group of several: a run per tap.
template <class Tap>
void each_tap(const Windows& w, std::size_t first, std::size_t count, Tap tap) {
    each_row_run(w, first, count, [&](const RowRun& run, std::size_t) {
        const auto base = static_cast<std::int64_t>(run.sample * w.big_size());
        for (std::int64_t c = run.first; c < run.last; ++c)
            for (std::int64_t i = 0; i < w.rows.kernel; ++i) {
                const std::int64_t row = w.rows.element(run.row, i);
                for (std::int64_t j = 0; j < w.columns.kernel; ++j) {
                    const std::int64_t column = w.columns.element(c, j);
                    const bool outside =
                        row < 0 || row >= w.rows.big || column < 0 || column >= w.columns.big;
                    tap(outside ? -1 : base + (row * w.columns.big + column) * w.channels);
                }
            }
    });
}

bool neighbours(const Windows& w) {
    return w.groups == 1 && (w.columns.dilation == 1 || w.columns.kernel == 1);
}

}  // namespace

std::int64_t Axis::first_window(std::int64_t tap) const {
    const std::int64_t missing = low - tap * dilation;
    return missing <= 0 ? 0 : std::min(small, (missing + stride - 1) / stride);
}

std::int64_t Axis::last_window(std::int64_t tap) const {
    const std::int64_t room = big - 1 + low - tap * dilation;
    return room < 0 ? 0 : std::min(small, room / stride + 1);
}

bool Windows::pointwise() const {
    return taps() == 1 && groups == 1 && rows.stride == 1 && columns.stride == 1 && rows.low == 0 &&
           columns.low == 0 && rows.big == rows.small && columns.big == columns.small;
}

void read_patches(const Windows& w, std::size_t group, const float* big, std::size_t first,
                  std::size_t count, float* patches) {
    if (neighbours(w)) {
        switch (w.columns.kernel * w.channels) {
            case 3:
                return read_stretches<3>(w, big, first, count, patches);
            case 5:
                return read_stretches<5>(w, big, first, count, patches);
            case 9:
                return read_stretches<9>(w, big, first, count, patches);
            case 24:
                return read_stretches<24>(w, big, first, count, patches);
            case 48:
                return read_stretches<48>(w, big, first, count, patches);
            default:
                return read_stretches<0>(w, big, first, count, patches);
        }
    }
    const std::size_t width = w.group_channels();
    each_tap(w, first, count, [&](std::int64_t at) {
        if (at < 0)
            std::fill_n(patches, width, 0.0f);
        else
            std::memcpy(patches, big + at + group * width, sizeof(float) * width);
        patches += width;
    });
}

void add_patches(const Windows& w, std::size_t group, const float* patches, std::size_t first,
                 std::size_t count, float* big) {
    if (w.groups == 1 && w.channels == 1) return add_taps<1>(w, patches, first, count, big);
    if (w.groups == 1 && w.channels < 8) return add_taps<0>(w, patches, first, count, big);
    if (neighbours(w)) {
        switch (w.columns.kernel * w.channels) {
            case 24:
                return add_stretches<24>(w, patches, first, count, big);
            case 48:
                return add_stretches<48>(w, patches, first, count, big);
            default:
                return add_stretches<0>(w, patches, first, count, big);
        }
    }
    const std::size_t width = w.group_channels();
    each_tap(w, first, count, [&](std::int64_t at) {
        if (at >= 0) add<0>(big + at + group * width, patches, width);
        patches += width;
    });
}

std::vector<std::int64_t> per_axis(const std::vector<double>& numbers, std::int64_t fallback,
                                   std::size_t axes, std::int64_t low, std::int64_t high,
                                   const std::string& key) {
    if (numbers.empty()) return std::vector<std::int64_t>(axes, fallback);
    if (numbers.size() != 1 && numbers.size() != axes)
        throw Error(Fault::usage, "'" + key + "' has " + std::to_string(numbers.size()) +
                                      " numbers, expected 1" +
                                      (axes > 1 ? " or " + std::to_string(axes) : ""));
    std::vector<std::int64_t> out;
    for (std::size_t axis = 0; axis < axes; ++axis) {
        const double number = numbers[numbers.size() == 1 ? 0 : axis];
        if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) ||
            number != std::floor(number))
            throw Error(Fault::usage, "'" + key + "' must be whole numbers from " +
                                          std::to_string(low) + " to " + std::to_string(high));
        out.push_back(static_cast<std::int64_t>(number));
    }
    return out;
}

std::vector<std::pair<std::int64_t, std::int64_t>> padding_pairs(const std::vector<double>& numbers,
                                                                 std::size_t axes) {
    if (numbers.empty()) return {};
    constexpr std::int64_t most = 1 << 20;
    std::vector<std::pair<std::int64_t, std::int64_t>> pairs;
    if (numbers.size() == 2 * axes) {
        const std::vector<std::int64_t> sides =
            per_axis(numbers, 0, numbers.size(), 0, most, "padding");
        for (std::size_t axis = 0; axis < axes; ++axis)
            pairs.emplace_back(sides[2 * axis], sides[2 * axis + 1]);
        return pairs;
    }
    for (const std::int64_t side : per_axis(numbers, 0, axes, 0, most, "padding"))
        pairs.emplace_back(side, side);
    return pairs;
}

}  // namespace narrows::layers
