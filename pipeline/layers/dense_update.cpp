// A dense layer's update: gradient, rule and packed transpose of a few rows of weights at a time,
// in tasks of a few microseconds, of one process or its part of several.
#include <algorithm>
#include <array>

#include "pipeline/layers/dense.hpp"
#include "pipeline/layers/spaced_rows.hpp"

namespace narrows::layers {
namespace {

constexpr std::size_t width = simd::panel_width;
constexpr std::size_t tile_rows = 8;                 // of the weight gradient kernel
constexpr std::size_t rows_a_task = 12 * tile_rows;  // a few microseconds for a usual batch

}  // namespace

// Eight rows of W at a time: gradient over the whole batch, the rule, a packed transpose if one is
// kept.
void Dense::update_tiles(std::size_t panel, std::size_t first, std::size_t last,
                         const UpdateRule& rule) {
    alignas(64) std::array<float, tile_rows * width> gradient;
    if (const auto step = rule.adam(*weight_); step && pull_.empty()) {
        const auto kernel = weight_->precision() == Precision::bf16
                                ? simd::kernels().dense_adam_bf16
                                : simd::kernels().dense_adam;
        kernel({terms_, panel, first, last, inputs_, outputs_, weight_->data(), weight_->state(0),
                weight_->state(1), weight_->transposed(), *step});
        return;
    }
    for (std::size_t row = first; row < last; row += tile_rows) {
        const std::size_t count = std::min(tile_rows, last - row);
        const std::size_t offset = (panel * inputs_ + row) * width;
        simd::kernels().weight_gradient(terms_, row, count, panel, outputs_, gradient.data());
        if (!pull_.empty()) {
            const float *factor = pull_.data() + panel * width,
                        *weight = weight_->data() + (panel * inputs_ + row) * width;
            for (std::size_t i = 0; i < count * width; ++i)
                gradient[i] += factor[i % width] * weight[i];
        }
        UpdateBlock block;
        block.offset = offset;
        block.weight = weight_->data() + offset;
        block.gradient = gradient.data();
        for (int which = 0; which < 2; ++which)
            if (float* state = weight_->state(which)) block.state[which] = state + block.offset;
        block.count = count * width;
        block.decays = weight_->decays();
        block.parameter = weight_.get();
        rule.apply(block);
        if (weight_->transposed() != nullptr)
            simd::kernels().transpose_tile(block.weight, row, count, panel, inputs_, outputs_,
                                           weight_->transposed());
    }
}

void Dense::update_bias(std::span<const Trace> traces, const UpdateRule& rule) {
    float* const gradient = bias_sums_.data();
    std::fill_n(gradient, outputs_, 0.0f);
    std::vector<float>& sums = bias_sums_;
    for (std::size_t i = 0; i < traces.size(); ++i) {
        if (i == 0) {
            simd::kernels().column_sums(traces[i].dz, outputs_, traces[i].pass.rows, 0, outputs_,
                                        gradient);
            continue;
        }
        sums.resize(2 * outputs_);
        simd::kernels().column_sums(traces[i].dz, outputs_, traces[i].pass.rows, 0, outputs_,
                                    sums.data() + outputs_);
        simd::kernels().add(sums.data() + outputs_, sums.data(), outputs_);
    }
    update_whole(*bias_, sums.data(), rule);
}

std::size_t Dense::panel_tasks() const {
    return (inputs_ + rows_a_task - 1) / rows_a_task;
}

std::size_t Dense::task_row(std::size_t task) const {
    const std::size_t chunks = panel_tasks();
    return task / chunks * inputs_ + task % chunks * rows_a_task;
}

simd::OuterTerm Dense::term_of(const Trace& trace) const {
    simd::OuterTerm term{trace.x, inputs_, trace.dz, outputs_, trace.pass.rows};
    const Kept kept_then = kept(trace.pass);
    if (kept_then.x != nullptr) {
        term.a = kept_then.x;
        term.a_stride = spaced::stride(inputs_);
    }
    if (kept_then.dz != nullptr) {
        term.b = kept_then.dz;
        term.b_stride = spaced::stride(outputs_);
    }
    return term;
}

// A shared weight's gradient is one chain: the owner's batches, then the borrower's, where input
// and output have changed places. False: nothing to update.
bool Dense::collect_terms(std::span<const Trace> traces) {
    if (!weight_ || weight_->frozen) return false;
    terms_.clear();
    for (const Trace& trace : traces) terms_.push_back(term_of(trace));
    if (partner_)
        for (const Trace& trace : partner_->traces_) {
            const simd::OuterTerm term = partner_->term_of(trace);
            terms_.push_back({term.b, term.b_stride, term.a, term.a_stride, term.rows});
        }
    return !terms_.empty();
}

// The bias first: it may be the longest task.
std::size_t Dense::plan_tasks(std::span<const Trace> traces, ranks::Rows tasks) {
    constexpr std::size_t few_samples = 16, together = 4;  // of few samples, a task is short
    std::size_t samples = 0;
    for (const simd::OuterTerm& term : terms_) samples += term.rows;
    own_tasks_ = tasks;
    together_ = samples <= few_samples ? together : 1;
    by_rows_ = together_ == 1 && tasks.count() == weight_tasks() && rows_first(samples, inputs_);
    bias_task_ = bias_ && !bias_->frozen && !traces.empty();
    return (tasks.count() + together_ - 1) / together_ + (bias_task_ ? 1 : 0);
}

std::size_t Dense::plan_update(std::span<const Trace> traces) {
    collected_ = collect_terms(traces);
    return plan_tasks(traces, {0, collected_ ? weight_tasks() : 0});
}

void Dense::update_task(std::size_t group, std::span<const Trace> traces, const UpdateRule& rule) {
    if (bias_task_ && group-- == 0) return update_bias(traces, rule);
    const std::size_t chunks = panel_tasks();
    if (by_rows_) {
        const std::size_t first = group / panels_count() * rows_a_task;
        return update_tiles(group % panels_count(), first, std::min(inputs_, first + rows_a_task),
                            rule);
    }
    const std::size_t last = std::min(own_tasks_.last, own_tasks_.first + (group + 1) * together_);
    for (std::size_t task = own_tasks_.first + group * together_; task < last;) {
        const std::size_t chunk = task % chunks;
        const std::size_t end = std::min(chunks, chunk + (last - task));
        update_tiles(task / chunks, chunk * rows_a_task, std::min(inputs_, end * rows_a_task),
                     rule);
        task += end - chunk;
    }
}

void Dense::update(const Loop& loop, std::span<const Trace>, const UpdateRule&) {
    if (unit_norm_ && collected_)
        loop.each(panels_count(), [&](std::size_t panel) { normalise_panel(panel); });
}

std::vector<std::size_t> Dense::task_bounds(const ranks::Ranks& ranks) const {
    std::vector<std::size_t> bounds = ranks.bounds(weight_tasks());
    for (std::size_t& bound : bounds) bound = task_row(bound);
    return bounds;
}

bool Dense::update_part(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule,
                        const ranks::Ranks& ranks, std::vector<ranks::Piece>& pieces) {
    collected_ = collect_terms(traces);
    const std::size_t tasks = plan_tasks(traces, ranks.own(collected_ ? weight_tasks() : 0));
    loop.each(tasks, [&](std::size_t task) { update_task(task, traces, rule); });
    if (collected_) pieces.push_back({weight_->data(), width, task_bounds(ranks)});
    return true;
}

void Dense::parts_arrived(const Loop& loop) {
    if (!collected_) return;
    const std::size_t chunks = panel_tasks();
    const std::size_t tasks = weight_->transposed() != nullptr ? weight_tasks() : 0;
    loop.each(tasks, [&](std::size_t task) {
        if (task >= own_tasks_.first && task < own_tasks_.last) return;
        const std::size_t panel = task / chunks, begin = task % chunks * rows_a_task;
        const std::size_t end = std::min(inputs_, begin + rows_a_task);
        for (std::size_t row = begin; row < end; row += tile_rows)
            simd::kernels().transpose_tile(weight_->data() + (panel * inputs_ + row) * width, row,
                                           std::min(tile_rows, end - row), panel, inputs_, outputs_,
                                           weight_->transposed());
    });
    if (unit_norm_) loop.each(panels_count(), [&](std::size_t panel) { normalise_panel(panel); });
}

void Dense::add_states(const ranks::Ranks& ranks, std::vector<ranks::Piece>& pieces) {
    if (!weight_ || weight_->frozen) return;
    for (int which = 0; which < 2; ++which)
        if (float* state = weight_->state(which))
            pieces.push_back({state, width, task_bounds(ranks)});
}

}  // namespace narrows::layers
