#include "pipeline/layers/windows.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace narrows::layers {
namespace {

// Walks positions through rows, samples and the batch without dividing at each step.
struct Walk {
    const Windows& windows;
    std::int64_t row, column;
    std::size_t sample;

    Walk(const Windows& w, std::size_t first) : windows(w) {
        sample = first / w.positions();
        const auto position = static_cast<std::int64_t>(first % w.positions());
        row = position / w.columns.small;
        column = position % w.columns.small;
    }
    void next() {
        if (++column < windows.columns.small) return;
        column = 0;
        if (++row < windows.rows.small) return;
        row = 0;
        ++sample;
    }
};

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

// The taps of one window row that lie inside, when taps are neighbours.
struct Inside {
    std::int64_t left, right;
};
Inside inside(const Axis& axis, std::int64_t window) {
    const std::int64_t start = axis.element(window, 0);
    const std::int64_t left = std::clamp<std::int64_t>(-start, 0, axis.kernel);
    return {left, std::clamp<std::int64_t>(axis.big - start, left, axis.kernel)};
}

// Taps that are neighbours in memory: each window row is one run of kernel * channels floats.
template <std::size_t Run>
void read_runs(const Windows& w, const float* big, std::size_t first, std::size_t count,
               float* patches) {
    const std::size_t channels = static_cast<std::size_t>(w.channels);
    const std::size_t run = static_cast<std::size_t>(w.columns.kernel) * channels;
    Walk at(w, first);
    for (std::size_t p = 0; p < count; ++p, at.next()) {
        const float* image = big + at.sample * w.big_size();
        const Inside span = inside(w.columns, at.column);
        const bool whole = span.left == 0 && span.right == w.columns.kernel;
        for (std::int64_t tap = 0; tap < w.rows.kernel; ++tap, patches += run) {
            const std::int64_t row = w.rows.element(at.row, tap);
            if (row < 0 || row >= w.rows.big) {
                std::fill_n(patches, run, 0.0f);
                continue;
            }
            const std::int64_t pixel = row * w.columns.big + w.columns.element(at.column, 0);
            if (whole) {
                copy<Run>(patches, image + pixel * w.channels, run);
                continue;
            }
            const std::size_t left = static_cast<std::size_t>(span.left) * channels;
            const std::size_t right = static_cast<std::size_t>(span.right) * channels;
            std::fill_n(patches, left, 0.0f);
            if (right > left)
                copy<0>(patches + left, image + (pixel + span.left) * w.channels, right - left);
            std::fill_n(patches + right, run - right, 0.0f);
        }
    }
}

template <std::size_t Run>
void add_runs(const Windows& w, const float* patches, std::size_t first, std::size_t count,
              float* big) {
    const std::size_t channels = static_cast<std::size_t>(w.channels);
    const std::size_t run = static_cast<std::size_t>(w.columns.kernel) * channels;
    Walk at(w, first);
    for (std::size_t p = 0; p < count; ++p, at.next()) {
        float* image = big + at.sample * w.big_size();
        const Inside span = inside(w.columns, at.column);
        const bool whole = span.left == 0 && span.right == w.columns.kernel;
        for (std::int64_t tap = 0; tap < w.rows.kernel; ++tap, patches += run) {
            const std::int64_t row = w.rows.element(at.row, tap);
            if (row < 0 || row >= w.rows.big) continue;
            const std::int64_t pixel = row * w.columns.big + w.columns.element(at.column, 0);
            if (whole) {
                add<Run>(image + pixel * w.channels, patches, run);
                continue;
            }
            const std::size_t left = static_cast<std::size_t>(span.left) * channels;
            const std::size_t right = static_cast<std::size_t>(span.right) * channels;
            if (right > left)
                add<0>(image + (pixel + span.left) * w.channels, patches + left, right - left);
        }
    }
}

// Dilated taps, or one group of several: a run per tap.
template <class Tap>
void each_tap(const Windows& w, std::size_t first, std::size_t count, Tap tap) {
    Walk at(w, first);
    for (std::size_t p = 0; p < count; ++p, at.next())
        for (std::int64_t i = 0; i < w.rows.kernel; ++i) {
            const std::int64_t row = w.rows.element(at.row, i);
            for (std::int64_t j = 0; j < w.columns.kernel; ++j) {
                const std::int64_t column = w.columns.element(at.column, j);
                const bool outside =
                    row < 0 || row >= w.rows.big || column < 0 || column >= w.columns.big;
                tap(outside ? -1
                            : static_cast<std::int64_t>(at.sample * w.big_size()) +
                                  (row * w.columns.big + column) * w.channels);
            }
        }
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
    return taps() == 1 && groups == 1 && rows.stride == 1 && columns.stride == 1 &&
           rows.low == 0 && columns.low == 0 && rows.big == rows.small &&
           columns.big == columns.small;
}

void read_patches(const Windows& w, std::size_t group, const float* big, std::size_t first,
                  std::size_t count, float* patches) {
    if (neighbours(w)) {
        switch (w.columns.kernel * w.channels) {
            case 3: return read_runs<3>(w, big, first, count, patches);
            case 5: return read_runs<5>(w, big, first, count, patches);
            case 9: return read_runs<9>(w, big, first, count, patches);
            case 24: return read_runs<24>(w, big, first, count, patches);
            case 48: return read_runs<48>(w, big, first, count, patches);
            default: return read_runs<0>(w, big, first, count, patches);
        }
    }
    const std::size_t width = w.group_channels();
    each_tap(w, first, count, [&](std::int64_t at) {
        if (at < 0) std::fill_n(patches, width, 0.0f);
        else std::memcpy(patches, big + at + group * width, sizeof(float) * width);
        patches += width;
    });
}

void add_patches(const Windows& w, std::size_t group, const float* patches, std::size_t first,
                 std::size_t count, float* big) {
    if (neighbours(w)) {
        switch (w.columns.kernel * w.channels) {
            case 3: return add_runs<3>(w, patches, first, count, big);
            case 5: return add_runs<5>(w, patches, first, count, big);
            case 9: return add_runs<9>(w, patches, first, count, big);
            case 24: return add_runs<24>(w, patches, first, count, big);
            case 48: return add_runs<48>(w, patches, first, count, big);
            default: return add_runs<0>(w, patches, first, count, big);
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
        throw Error(Fault::usage,
                    "'" + key + "' has " + std::to_string(numbers.size()) + " numbers, expected 1" +
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
