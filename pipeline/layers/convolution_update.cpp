// The weight and bias gradients of Convolution, tile by tile, handed at once to the rule.
#include <algorithm>
#include <array>

#include "pipeline/layers/convolution.hpp"

namespace narrows::layers {
namespace {

constexpr std::size_t width = simd::panel_width;
constexpr std::size_t tile_rows = 8;   // of the weight gradient kernel
constexpr std::size_t most_rows = 12;  // a 3 x 3 window of one channel in one piece

// What lies without a gap is one line, or one block: without padding or stride a whole image.
void join(std::size_t& times, std::size_t a, std::size_t b, simd::OuterTerm::Again& outer) {
    if (outer.a != times * a || outer.b != times * b) return;
    times *= outer.times;
    outer = {};
}

}  // namespace

// Tiles stay within a tap, so that their channels lie side by side in the big side; with kept
// patches they may cross taps. As even as possible: a tile of one row would be a single chain that
// waits for itself.
void Convolution::plan_tiles() {
    const bool by_patch = keeps_ || depthwise_;
    const std::size_t run = by_patch ? depth() : windows_.group_channels();
    const std::size_t pieces = run <= most_rows ? 1 : (run + tile_rows - 1) / tile_rows;
    tiles_.clear();
    for (std::size_t panel = 0; panel < simd::panel_count(columns()); ++panel)
        for (std::size_t start = 0; start < depth(); start += run)
            for (std::size_t piece = 0; piece < pieces; ++piece) {
                const std::size_t from = run * piece / pieces, to = run * (piece + 1) / pieces;
                tiles_.push_back({panel, start + from, to - from, start / run, from});
            }
}

void Convolution::collect_terms(std::span<const Trace> traces, std::size_t tap, std::size_t group,
                                std::vector<simd::OuterTerm>& terms) const {
    const std::size_t n = columns(), positions = windows_.positions();
    if (keeps_) {
        for (const Trace& trace : traces) {
            const float* kept = reinterpret_cast<const float*>(trace.pass.workspace) +
                                parts(trace.pass.rows, true).kept;
            terms.push_back(
                {kept, depth(), up() ? trace.x : trace.dz, n, trace.pass.rows * positions});
        }
        return;
    }
    const Axis &down = windows_.rows, &across = windows_.columns;
    const std::int64_t tap_row = static_cast<std::int64_t>(tap) / across.kernel;
    const std::int64_t tap_column = static_cast<std::int64_t>(tap) % across.kernel;
    const std::int64_t left = across.first_window(tap_column);
    const std::int64_t right = across.last_window(tap_column);
    const std::int64_t top = down.first_window(tap_row), bottom = down.last_window(tap_row);
    if (left >= right || top >= bottom) return;
    const std::int64_t pixel =
        down.element(top, tap_row) * across.big + across.element(left, tap_column);
    const std::size_t line = static_cast<std::size_t>(down.stride * across.big * windows_.channels);
    for (const Trace& trace : traces) {
        const float* const big = (up() ? trace.dz : trace.x) + group * windows_.group_channels();
        const float* const small = up() ? trace.x : trace.dz;
        simd::OuterTerm term{big + pixel * windows_.channels,
                             static_cast<std::size_t>(across.stride * windows_.channels),
                             small + static_cast<std::size_t>(top * across.small + left) * n,
                             n,
                             static_cast<std::size_t>(right - left),
                             {static_cast<std::size_t>(bottom - top), line,
                              static_cast<std::size_t>(across.small) * n},
                             {trace.pass.rows, windows_.big_size(), positions * n}};
        join(term.rows, term.a_stride, term.b_stride, term.lines);
        if (term.lines.times == 1)
            join(term.rows, term.a_stride, term.b_stride, term.blocks);
        else
            join(term.lines.times, term.lines.a, term.lines.b, term.blocks);
        terms.push_back(term);
    }
}

void Convolution::weight_tile(const Tile& tile, float* values) const {
    const std::size_t groups = static_cast<std::size_t>(windows_.groups);
    if (groups == 1)
        return simd::kernels().weight_gradient(terms_[tile.tap], tile.channel, tile.count,
                                               tile.panel, columns(), values);
    // Of a panel that groups share, each gives its columns.
    std::array<float, most_rows * width> part;
    std::fill_n(values, tile.count * width, 0.0f);
    const std::size_t group_columns = columns() / groups, left = tile.panel * width;
    const std::size_t right = std::min(left + width, columns());
    for (std::size_t group = left / group_columns; group * group_columns < right; ++group) {
        simd::kernels().weight_gradient(terms_[tile.tap * groups + group], tile.channel, tile.count,
                                        tile.panel, columns(), part.data());
        const std::size_t from = std::max(left, group * group_columns) - left;
        const std::size_t to = std::min(right, (group + 1) * group_columns) - left;
        for (std::size_t row = 0; row < tile.count; ++row)
            std::copy(part.data() + row * width + from, part.data() + row * width + to,
                      values + row * width + from);
    }
}

// Rows are taps here; samples, then positions increasing.
void Convolution::depthwise_tile(const Tile& tile, std::span<const Trace> traces,
                                 float* values) const {
    const std::size_t n = columns(), left = tile.panel * width;
    const std::size_t count = std::min(width, n - left);
    const Axis &down = windows_.rows, &across = windows_.columns;
    for (std::size_t r = 0; r < tile.count; ++r) {
        float* const sums = values + r * width;
        const std::int64_t tap = static_cast<std::int64_t>(tile.first + r);
        const std::int64_t tap_row = tap / across.kernel, tap_column = tap % across.kernel;
        for (const Trace& trace : traces)
            for (std::size_t sample = 0; sample < trace.pass.rows; ++sample) {
                const float* big =
                    (up() ? trace.dz : trace.x) + sample * windows_.big_size() + left;
                const float* small =
                    (up() ? trace.x : trace.dz) + sample * windows_.positions() * n + left;
                for (std::int64_t i = down.first_window(tap_row); i < down.last_window(tap_row);
                     ++i)
                    for (std::int64_t j = across.first_window(tap_column);
                         j < across.last_window(tap_column); ++j) {
                        const float* a = big + (down.element(i, tap_row) * across.big +
                                                across.element(j, tap_column)) *
                                                   windows_.channels;
                        const float* b = small + static_cast<std::size_t>(i * across.small + j) * n;
                        for (std::size_t c = 0; c < count; ++c) sums[c] += a[c] * b[c];
                    }
            }
    }
}

void Convolution::update_tile(const Tile& tile, std::span<const Trace> traces,
                              const UpdateRule& rule) {
    alignas(64) std::array<float, most_rows * width> gradient;
    if (depthwise_) {
        std::fill_n(gradient.data(), tile.count * width, 0.0f);
        depthwise_tile(tile, traces, gradient.data());
        if (partner_) partner_->depthwise_tile(tile, partner_->traces_, gradient.data());
    } else {
        weight_tile(tile, gradient.data());
    }
    const std::size_t offset = (tile.panel * depth() + tile.first) * width;
    UpdateBlock block;
    block.weight = weight_->data() + offset;
    block.gradient = gradient.data();
    for (int which = 0; which < 2; ++which)
        block.state[which] = weight_->state(which) ? weight_->state(which) + offset : nullptr;
    block.count = tile.count * width;
    block.decays = weight_->decays();
    block.offset = offset;
    block.parameter = weight_;
    rule.apply(block);
    transpose(tile);
}

// The transpose's panels are cut at every 32nd row of a block of the weight.
void Convolution::transpose(const Tile& tile) {
    const std::size_t n = columns(), blocks = weight_->transposed_blocks();
    const std::size_t height = depth() / blocks;
    for (std::size_t row = tile.first; row < tile.first + tile.count;) {
        const std::size_t block = row / height, inside = row % height;
        const std::size_t next =
            std::min({tile.first + tile.count, (block + 1) * height, row - inside % width + width});
        float* const panel = weight_->transposed() + (inside / width * blocks + block) * n * width;
        simd::kernels().transpose_tile(weight_->data() + (tile.panel * depth() + row) * width,
                                       inside % width, next - row, tile.panel, depth(), n, panel);
        row = next;
    }
}

// Sums over samples and positions. Few channels would make one long chain on a fraction of a
// vector, so neighbouring positions are taken as further columns and folded at the end.
void Convolution::update_bias(std::span<const Trace> traces, const UpdateRule& rule) {
    const std::size_t channels = out_channels(), fold = bias_sums_.size() / channels - 1;
    float* const gradient = bias_sums_.data();
    float* const sums = gradient + channels;
    std::fill_n(gradient, channels, 0.0f);
    for (const Trace& trace : traces) {
        const std::size_t rows = trace.pass.rows * out_size() / channels, wide = rows / fold;
        simd::kernels().column_sums(trace.dz, channels * fold, wide, 0, channels * fold, sums);
        for (std::size_t i = 0; i < channels * fold; ++i) gradient[i % channels] += sums[i];
        for (std::size_t i = wide * fold * channels; i < rows * channels; ++i)
            gradient[i % channels] += trace.dz[i];
    }
    update_whole(*bias_, gradient, rule);
}

// The bias first: it may be the longest task.
std::size_t Convolution::plan_tasks(std::span<const Trace> traces, ranks::Rows tiles) {
    own_tiles_ = tiles;
    if (updates_weight() && !depthwise_) {
        const std::size_t groups = static_cast<std::size_t>(windows_.groups);
        for (std::size_t i = 0; i < terms_.size(); ++i) {
            terms_[i].clear();
            collect_terms(traces, i / groups, i % groups, terms_[i]);
            if (partner_)
                partner_->collect_terms(partner_->traces_, i / groups, i % groups, terms_[i]);
        }
    }
    return tiles.count() + (bias_ && !bias_->frozen ? 1 : 0);
}

std::size_t Convolution::plan_update(std::span<const Trace> traces) {
    return plan_tasks(traces, {0, updates_weight() ? tiles_.size() : 0});
}

void Convolution::update_task(std::size_t task, std::span<const Trace> traces,
                              const UpdateRule& rule) {
    if (bias_ && !bias_->frozen && task-- == 0) return update_bias(traces, rule);
    update_tile(tiles_[own_tiles_.first + task], traces, rule);
}

// Tiles follow each other in memory.
std::vector<std::size_t> Convolution::tile_bounds(const ranks::Ranks& ranks) const {
    std::vector<std::size_t> bounds = ranks.bounds(tiles_.size());
    for (std::size_t& bound : bounds)
        bound = bound == tiles_.size() ? simd::panel_count(columns()) * depth()
                                       : tiles_[bound].panel * depth() + tiles_[bound].first;
    return bounds;
}

bool Convolution::update_part(const Loop& loop, std::span<const Trace> traces,
                              const UpdateRule& rule, const ranks::Ranks& ranks,
                              std::vector<ranks::Piece>& pieces) {
    const std::size_t tasks = plan_tasks(traces, ranks.own(updates_weight() ? tiles_.size() : 0));
    loop.each(tasks, [&](std::size_t task) { update_task(task, traces, rule); });
    if (updates_weight()) pieces.push_back({weight_->data(), width, tile_bounds(ranks)});
    return true;
}

void Convolution::parts_arrived(const Loop& loop) {
    if (!updates_weight()) return;
    loop.each(tiles_.size(), [&](std::size_t at) {
        if (at < own_tiles_.first || at >= own_tiles_.last) transpose(tiles_[at]);
    });
}

void Convolution::add_states(const ranks::Ranks& ranks, std::vector<ranks::Piece>& pieces) {
    if (!updates_weight()) return;
    for (int which = 0; which < 2; ++which)
        if (float* state = weight_->state(which))
            pieces.push_back({state, width, tile_bounds(ranks)});
}

// The patches that a pass kept were those of this rank's rows.
void Convolution::complete(const Trace& trace) {
    if (!keeps_) return;
    float* const kept =
        reinterpret_cast<float*>(trace.pass.workspace) + parts(trace.pass.rows, true).kept;
    const float* const big = up() ? trace.dz : trace.x;
    const std::size_t all = trace.pass.rows * windows_.positions();
    const std::size_t tasks = tasks_for(trace.pass.rows, *trace.pass.loop);
    trace.pass.loop->each(tasks, [&](std::size_t task) {
        const std::size_t first = all * task / tasks, last = all * (task + 1) / tasks;
        read_patches(windows_, 0, big, first, last - first, kept + first * depth());
    });
}

}  // namespace narrows::layers
