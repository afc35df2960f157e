// Forward and backward of Convolution: gather, spread, and the plain loops for depthwise layers.
#include <algorithm>

#include "pipeline/layers/convolution.hpp"
#include "pipeline/layers/settings.hpp"

namespace narrows::layers {
namespace {

constexpr std::size_t width = simd::panel_width;

// The part of `total` units that belongs to one of `tasks` tasks.
struct Share {
    std::size_t first, last;
};
Share share(std::size_t total, std::size_t tasks, std::size_t task) {
    return {total * task / tasks, total * (task + 1) / tasks};
}

void copy_columns(const float* from, std::size_t rows, std::size_t first, std::size_t last,
                  float* to, std::size_t stride) {
    for (std::size_t r = 0; r < rows; ++r, from += width, to += stride)
        std::copy(from + first, from + last, to + first);
}

void fill_pixels(float* pixels, std::size_t count, const float* bias, std::size_t channels) {
    if (!bias) {
        std::fill_n(pixels, count * channels, 0.0f);
    } else if (channels == 1) {
        std::fill_n(pixels, count, bias[0]);
    } else {
        std::copy(bias, bias + channels, pixels);
        for (std::size_t done = 1; done < count;) {  // doubling: few long copies
            const std::size_t more = std::min(done, count - done);
            std::copy(pixels, pixels + more * channels, pixels + done * channels);
            done += more;
        }
    }
}

}  // namespace

// Patches of one group times its columns of W. Panels that a group fills whole are written in
// place; of panels that groups share, a group's columns are copied from scratch [count, 32].
void Convolution::multiply(const Target& target, const float* patches, std::size_t group,
                           std::size_t first, std::size_t count, float* scratch) const {
    const std::size_t n = columns();
    simd::Product product;
    product.a = patches;
    product.a_stride = product.depth = depth();
    product.rows = count;
    product.panels = weight_->data();
    product.columns = n;
    product.bias = target.bias;
    product.activation = target.activation;
    product.alpha = settings::alpha_of(*act_, alpha_);
    product.c_stride = n;
    float* c = target.data + first * n;
    float* before = target.before ? target.before + first * n : nullptr;
    if (windows_.groups == 1) {
        product.last_panel = simd::panel_count(n);
        product.c = c;
        product.relu_output = target.relu_output ? target.relu_output + first * n : nullptr;
        product.before = before;
        return simd::kernels().product(product);
    }
    const std::size_t group_columns = n / static_cast<std::size_t>(windows_.groups);
    const std::size_t begin = group * group_columns, end = begin + group_columns;
    for (std::size_t panel = begin / width; panel * width < end; ++panel) {
        const std::size_t left = panel * width, right = std::min(left + width, n);
        product.first_panel = panel;
        product.last_panel = panel + 1;
        if (begin <= left && right <= end) {
            product.c = c;
            product.before = before;
            product.c_stride = n;
            simd::kernels().product(product);
            continue;
        }
        simd::Product single = product;  // the panel as a matrix of its own
        single.panels = weight_->data() + panel * depth() * width;
        single.first_panel = 0;
        single.last_panel = 1;
        single.columns = right - left;
        single.bias = target.bias ? target.bias + left : nullptr;
        single.c = scratch;
        single.before = before ? scratch + count * width : nullptr;
        single.c_stride = width;
        simd::kernels().product(single);
        const std::size_t from = std::max(begin, left) - left, to = std::min(end, right) - left;
        copy_columns(single.c, count, from, to, c + left, n);
        if (before) copy_columns(single.before, count, from, to, before + left, n);
    }
}

void Convolution::gather(const Target& target, const float* big, std::size_t first,
                         std::size_t last, float* kept, float* scratch) const {
    const std::size_t groups = static_cast<std::size_t>(windows_.groups);
    const bool in_place = windows_.pointwise();
    for (std::size_t at = first; at < last; at += block_) {
        const std::size_t count = std::min(block_, last - at);
        for (std::size_t group = 0; group < groups; ++group) {
            float* patches = kept ? kept + at * depth() : scratch;
            if (in_place) {
                multiply(target, big + at * depth(), group, at, count, scratch);
                continue;
            }
            read_patches(windows_, group, big, at, count, patches);
            multiply(target, patches, group, at, count, scratch + block_ * depth());
        }
    }
}

// Samples first ... last-1. A block of positions may end in the middle of a sample: a sample is
// started (with the bias) when a block first touches it and finished (activation) after its last.
void Convolution::spread(const Target& target, const float* small, std::size_t first_sample,
                         std::size_t last_sample, float* scratch) const {
    const std::size_t n = columns(), size = windows_.big_size(), positions = windows_.positions();
    const std::size_t first = first_sample * positions, last = last_sample * positions;
    simd::Product product;
    product.a_stride = n;
    product.panels = weight_->transposed();
    product.depth = n;
    product.columns = depth();
    product.last_panel = simd::panel_count(depth());
    product.c_stride = depth();
    if (windows_.pointwise()) {
        product.a = small + first * n;
        product.rows = last - first;
        product.c = target.data + first * depth();
        product.bias = target.bias;
        product.activation = target.activation;
        product.alpha = settings::alpha_of(*act_, alpha_);
        product.before = target.before ? target.before + first * depth() : nullptr;
        product.relu_output = target.relu_output ? target.relu_output + first * depth() : nullptr;
        return simd::kernels().product(product);
    }
    float* const sums = target.before ? target.before : target.data;
    const std::size_t groups = static_cast<std::size_t>(windows_.groups);
    const std::size_t group_columns = n / groups;
    product.c = scratch;
    std::size_t started = first_sample, finished = first_sample;
    for (std::size_t at = first; at < last; at += block_) {
        const std::size_t count = std::min(block_, last - at);
        for (; started * positions < at + count; ++started)
            fill_pixels(sums + started * size, windows_.big_pixels(), target.bias,
                        static_cast<std::size_t>(windows_.channels));
        product.rows = count;
        for (std::size_t group = 0; group < groups; ++group) {
            product.a = small + at * n + group * group_columns;
            if (groups == 1) {
                simd::kernels().product(product);
            } else {
                // A group's rows of the transpose: a run of rows in each of its panels.
                for (std::size_t panel = 0; panel * width < depth(); ++panel) {
                    simd::Product single = product;
                    single.panels += (panel * n + group * group_columns) * width;
                    single.depth = group_columns;
                    single.columns = std::min(width, depth() - panel * width);
                    single.last_panel = 1;
                    single.c = scratch + panel * width;
                    simd::kernels().product(single);
                }
            }
            add_patches(windows_, group, scratch, at, count, sums);
        }
        for (; (finished + 1) * positions <= at + count; ++finished) finish(target, finished);
    }
}

simd::Product Convolution::product_for(const Target& target) const {
    simd::Product product;
    product.bias = target.bias;
    product.activation = target.activation;
    product.alpha = settings::alpha_of(*act_, alpha_);
    product.c = target.data;
    product.before = target.before;
    product.relu_output = target.relu_output;
    return product;
}

void Convolution::gather_samples(const Target& target, const float* big, std::size_t first,
                                 std::size_t last) const {
    simd::Product product = product_for(target);
    product.panels = weight_->data();
    product.depth = depth();
    product.columns = columns();
    product.last_panel = simd::panel_count(product.columns);
    multiply_cells(gathers_, product, big, windows_.big_size(), windows_.positions() * columns(),
                   first, last);
}

void Convolution::spread_samples(const Target& target, const float* small, std::size_t first,
                                 std::size_t last) const {
    simd::Product product = product_for(target);
    product.panels = weight_->transposed();
    product.depth = windows_.taps() * columns();
    product.columns = static_cast<std::size_t>(windows_.channels);
    product.last_panel = simd::panel_count(product.columns);
    multiply_cells(spreads_, product, small, windows_.positions() * columns(), windows_.big_size(),
                   first, last);
}

// What is left to do for a sample of the big side whose sums are complete.
void Convolution::finish(const Target& target, std::size_t sample) const {
    if (target.activation == simd::Activation::linear && !target.before) return;
    const std::size_t size = windows_.big_size();
    const float* sums = (target.before ? target.before : target.data) + sample * size;
    simd::kernels().activate(target.activation, settings::alpha_of(*act_, alpha_), sums,
                             target.data + sample * size, size);
}

// One channel a group: a product has nothing to share between columns, so these are plain loops
// over the channels of a tap, a panel of 32 at a time. A product and a sum, rounded each: the
// same at every instruction level.
void Convolution::gather_depthwise(const Target& target, const float* big,
                                   std::size_t sample) const {
    const std::size_t channels = columns(), positions = windows_.positions();
    float* out = (target.before ? target.before : target.data) + sample * positions * channels;
    fill_pixels(out, positions, target.bias, channels);
    each_depthwise(big + sample * windows_.big_size(), out,
                   [&](const float* x, float* y, const float* w, std::size_t count) {
                       for (std::size_t i = 0; i < count; ++i) y[i] += x[i] * w[i];
                   });
    if (target.activation == simd::Activation::linear && !target.before) return;
    simd::kernels().activate(target.activation, settings::alpha_of(*act_, alpha_), out,
                             target.data + sample * positions * channels, positions * channels);
}

void Convolution::spread_depthwise(const Target& target, const float* small,
                                   std::size_t sample) const {
    float* sums = (target.before ? target.before : target.data) + sample * windows_.big_size();
    fill_pixels(sums, windows_.big_pixels(), target.bias,
                static_cast<std::size_t>(windows_.channels));
    each_depthwise(sums, small + sample * windows_.positions() * columns(),
                   [&](float* x, const float* y, const float* w, std::size_t count) {
                       for (std::size_t i = 0; i < count; ++i) x[i] += y[i] * w[i];
                   });
    finish(target, sample);
}

// Calls body(big channels, small channels, weights, count) for every position, tap and panel that
// meet, positions and then taps increasing.
template <class Big, class Small, class Body>
void Convolution::each_depthwise(Big* big, Small* small, Body body) const {
    const std::size_t channels = columns();
    for (std::int64_t row = 0; row < windows_.rows.small; ++row)
        for (std::int64_t column = 0; column < windows_.columns.small;
             ++column, small += channels) {
            for (std::size_t tap = 0; tap < windows_.taps(); ++tap) {
                const std::int64_t across = windows_.columns.kernel;
                const std::int64_t i =
                    windows_.rows.element(row, static_cast<std::int64_t>(tap) / across);
                const std::int64_t j =
                    windows_.columns.element(column, static_cast<std::int64_t>(tap) % across);
                if (i < 0 || i >= windows_.rows.big || j < 0 || j >= windows_.columns.big) continue;
                Big* pixel = big + (i * windows_.columns.big + j) * windows_.channels;
                for (std::size_t c = 0; c < channels; c += width)
                    body(pixel + c, small + c, weight_->data() + c * depth() + tap * width,
                         std::min(width, channels - c));
            }
        }
}

void Convolution::forward(const Pass& pass, const float* x, float* y) {
    const Part part = parts(pass.rows, pass.keeps());
    float* const memory = reinterpret_cast<float*>(pass.workspace);
    Target target{y, bias_ ? bias_->data() : nullptr, act_in_use(pass),
                  part.kept > part.before ? memory + part.before : nullptr};
    float* const kept = !up() && part.scratch > part.kept ? memory + part.kept : nullptr;
    const bool by_cells = !(up() ? spreads_ : gathers_).empty();
    const bool by_sample = up() || depthwise_ || by_cells;
    const std::size_t units = by_sample ? pass.rows : pass.rows * windows_.positions();
    const std::size_t tasks =
        tasks_for(by_sample ? units : (units + block_ - 1) / block_, *pass.loop);
    pass.loop->each(tasks, [&](std::size_t task) {
        const Share run = share(units, tasks, task);
        float* const scratch = memory + part.scratch + task * scratch_size();
        if (by_cells)
            up() ? spread_samples(target, x, run.first, run.last)
                 : gather_samples(target, x, run.first, run.last);
        else if (!by_sample)
            gather(target, x, run.first, run.last, kept, scratch);
        else if (!depthwise_)
            spread(target, x, run.first, run.last, scratch);
        else
            for (std::size_t sample = run.first; sample < run.last; ++sample)
                up() ? spread_depthwise(target, x, sample) : gather_depthwise(target, x, sample);
    });
}

// dx of samples first ... last-1 from their dz.
void Convolution::input_gradient(const Target& target, const float* dz, std::size_t first,
                                 std::size_t last, float* kept, float* scratch) const {
    const std::size_t positions = windows_.positions();
    if (depthwise_) {
        for (std::size_t sample = first; sample < last; ++sample)
            up() ? gather_depthwise(target, dz, sample) : spread_depthwise(target, dz, sample);
    } else if (!(up() ? gathers_ : spreads_).empty()) {
        up() ? gather_samples(target, dz, first, last) : spread_samples(target, dz, first, last);
    } else if (up()) {
        gather(target, dz, first * positions, last * positions, kept, scratch);
    } else {
        spread(target, dz, first, last, scratch);
    }
}

// A task takes its samples from dy to dz to dx while they are in its cache.
void Convolution::backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) {
    const Part part = parts(pass.rows, true);
    float* const memory = reinterpret_cast<float*>(pass.workspace);
    const float* const saved = part.kept > part.before ? memory + part.before : y;
    float* const kept = up() && part.scratch > part.kept ? memory + part.kept : nullptr;
    // One group's products end with the whole of dx, unless patches are added up after them.
    const bool whole = windows_.groups == 1 && (up() || windows_.pointwise() || !spreads_.empty());
    const Target target{dx, nullptr, simd::Activation::linear, nullptr,
                        pass.relu_below && whole ? x : nullptr};
    const std::size_t positions = windows_.positions(), tasks = tasks_for(pass.rows, *pass.loop);
    const simd::Activation act = pass.relu_passed ? simd::Activation::linear : act_in_use(pass);
    pass.loop->each(tasks, [&](std::size_t task) {
        const Share run = share(pass.rows, tasks, task);
        const std::size_t at = run.first * out_size(), count = (run.last - run.first) * out_size();
        if (act != simd::Activation::linear)
            simd::kernels().activation_gradient(act, settings::alpha_of(*act_, alpha_), saved + at,
                                                dy + at, dy + at, count);
        float* const scratch = memory + part.scratch + task * scratch_size();
        if (dx) {
            input_gradient(target, dy, run.first, run.last, kept, scratch);
            const std::size_t in = static_cast<std::size_t>(input_.elements());
            if (pass.relu_below && !whole)
                simd::kernels().activation_gradient(simd::Activation::relu, 0, x + run.first * in,
                                                    dx + run.first * in, dx + run.first * in,
                                                    (run.last - run.first) * in);
        } else if (kept) {
            read_patches(windows_, 0, dy, run.first * positions, (run.last - run.first) * positions,
                         kept + run.first * positions * depth());
        }
    });
}

}  // namespace narrows::layers
