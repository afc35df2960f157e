// Where the windows of a convolution or a pooling lie on a channels-last sample, and how patches
// are read from it and added back to it. One rule: an adjoint pair shares one Windows; its `big`
// side is what the windows slide over, its `small` side has one position a window, so that a
// transposed convolution is the same Windows used in the other direction. Signals are images of
// one row. Everything here is serial, allocates nothing and takes each element in a fixed order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "pipeline/node.hpp"

namespace narrows::layers {

// Window o, tap k covers element o * stride + k * dilation - low; outside [0, big) lies padding.
struct Axis {
    std::int64_t big = 1, small = 1;
    std::int64_t kernel = 1, stride = 1, dilation = 1;
    std::int64_t low = 0;  // padding in front; what lies behind follows from `small`

    std::int64_t reach() const { return dilation * (kernel - 1) + 1; }
    std::int64_t element(std::int64_t window, std::int64_t tap) const {
        return window * stride + tap * dilation - low;
    }
    // The windows [first, last) whose tap k lies inside.
    std::int64_t first_window(std::int64_t tap) const;
    std::int64_t last_window(std::int64_t tap) const;
};

struct Windows {
    Axis rows, columns;
    std::int64_t channels = 1;  // of the big side
    std::int64_t groups = 1;    // channels per group: channels / groups

    std::size_t positions() const { return static_cast<std::size_t>(rows.small * columns.small); }
    std::size_t big_pixels() const { return static_cast<std::size_t>(rows.big * columns.big); }
    std::size_t big_size() const { return big_pixels() * static_cast<std::size_t>(channels); }
    std::size_t taps() const { return static_cast<std::size_t>(rows.kernel * columns.kernel); }
    std::size_t group_channels() const { return static_cast<std::size_t>(channels / groups); }
    std::size_t depth() const { return taps() * group_channels(); }  // floats of one patch
    // One tap, no stride, no padding: a patch is the element itself.
    bool pointwise() const;
};

// Patches of positions first ... first+count-1, counted through the samples of a batch, of one
// group of channels: patches [count, depth], taps in row-major order, then channels; padding is 0.
void read_patches(const Windows& windows, std::size_t group, const float* big, std::size_t first,
                  std::size_t count, float* patches);
// The adjoint: big += patches, in increasing position; at most one term per position and element.
void add_patches(const Windows& windows, std::size_t group, const float* patches, std::size_t first,
                 std::size_t count, float* big);

// --- how the settings of a layer become axes

// What was written for each of `axes` axes (2 image, 1 signal): one number for all, or one each.
// Throws Error(usage) naming `key` unless all are whole numbers in [low, high].
std::vector<std::int64_t> per_axis(const std::vector<double>& numbers, std::int64_t fallback,
                                   std::size_t axes, std::int64_t low, std::int64_t high,
                                   const std::string& key);
// Padding as (low, high) pairs for each axis: one number for all sides, one an axis, or two an
// axis. Left out (empty): no pairs, the caller's own rule.
std::vector<std::pair<std::int64_t, std::int64_t>> padding_pairs(const std::vector<double>& numbers,
                                                                 std::size_t axes);

}  // namespace narrows::layers
