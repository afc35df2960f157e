#include <algorithm>
#include <cstring>

#include "pipeline/model/autoencoder.hpp"
#include "pipeline/model/whole_lines.hpp"

namespace narrows::model {
namespace {

// Dropout is off, batch norm uses its statistics, yet a gradient may pass through.
void freeze(layers::Pass& pass) {
    pass.phase = Phase::streaming;
    pass.frozen = true;
}

constexpr std::uint32_t layer_stride = 0x9e3779b9u;

}  // namespace

void Stack::add(std::unique_ptr<layers::Layer> layer, LayerSpec spec) {
    layers_.push_back(std::move(layer));
    specs_.push_back(std::move(spec));
    traces_.emplace_back();
    traces_.back().reserve(4);
}

Shape Stack::configure(const Shape& input) {
    shapes_.assign(1, input);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        try {
            shapes_.push_back(layers_[i]->configure(shapes_.back()));
        } catch (const Error& error) {
            const Position at = error.position().line ? error.position() : specs_[i].position;
            throw Error(error.fault(),
                        "layer " + std::to_string(i) + " (" + specs_[i].type + "): " + error.what(),
                        error.hint(), at);
        }
    }
    configured_ = true;
    return shapes_.back();
}

std::size_t Stack::values(std::size_t boundary) const {
    return static_cast<std::size_t>(shapes_[boundary].elements());
}

// The first layer's input is not this stack's to write, and the last one's output is wanted.
bool Stack::leaves_out(std::size_t i, LayerRange range) const {
    return layers_[i]->only_shape() && i > range.first &&
           i + 1 < std::min(range.last, layers_.size());
}

// Training keeps every layer's output and its gradient; otherwise two buffers take turns.
Stack::Layout Stack::layout(std::size_t rows, bool training, LayerRange range) const {
    Layout out;
    std::size_t at = 0, widest = 0;
    const std::size_t end = std::min(range.last, layers_.size());
    for (std::size_t i = range.first; i < end; ++i) {
        if (leaves_out(i, range)) continue;
        const std::size_t own = own_bytes(i, rows, training);
        out.scratch = std::max(out.scratch, own);
        const std::size_t y = i + 1 < end ? whole_lines(rows * values(i + 1) * sizeof(float)) : 0;
        widest = std::max(widest, y);
        at += own + 2 * y;
    }
    out.buffer = widest;
    out.bytes = training ? at : out.scratch + 2 * widest;
    return out;
}

// A layer that is frozen later works as outside training.
std::size_t Stack::own_bytes(std::size_t i, std::size_t rows, bool training) const {
    const std::size_t bytes = layers_[i]->workspace_bytes(rows, training);
    return whole_lines(training ? std::max(bytes, layers_[i]->workspace_bytes(rows, false))
                                : bytes);
}

std::size_t Stack::workspace_bytes(std::size_t max_rows, bool training) const {
    // A validation batch goes through the same memory.
    return training ? std::max(layout(max_rows, true).bytes, layout(max_rows, false).bytes)
                    : layout(max_rows, false).bytes;
}

layers::Pass Stack::pass_of(const layers::Pass& pass, std::size_t i, bool skip_activation) const {
    layers::Pass own = pass;
    own.key.node += static_cast<std::uint32_t>(i) * layer_stride;
    own.skip_activation = skip_activation;
    return own;
}

void Stack::forward(const layers::Pass& pass, std::byte* workspace, const float* x, float* y,
                    bool skip_last_activation, LayerRange range) const {
    const std::size_t end = std::min(range.last, layers_.size());
    if (range.first >= end) {
        std::memcpy(y, x, pass.rows * values(end) * sizeof(float));
        return;
    }
    const bool training = pass.phase == Phase::training;
    const Layout plan = layout(pass.rows, training, range);
    const float* from = x;
    std::byte* at = workspace;
    std::size_t turn = 0;
    for (std::size_t i = range.first; i < end; ++i) {
        if (leaves_out(i, range)) continue;
        const bool last = i + 1 == end;
        layers::Pass own = pass_of(pass, i, last && skip_last_activation);
        float* to = y;
        if (training) {
            own.workspace = at;
            at += own_bytes(i, pass.rows, true);
            if (i < first_trained_) freeze(own);
            if (!last) {
                to = reinterpret_cast<float*>(at);
                at += 2 * whole_lines(pass.rows * values(i + 1) * sizeof(float));
            }
        } else {
            own.workspace = workspace;
            if (!last)
                to =
                    reinterpret_cast<float*>(workspace + plan.scratch + (turn++ % 2) * plan.buffer);
        }
        if (training && ranks_ != nullptr)
            forward_over_ranks(own, i, i == range.first, from, to);
        else
            layers_[i]->forward(own, from, to);
        from = to;
    }
    if (training && ranks_ != nullptr && apart(end - 1))
        gather(std::vector{rows_of(y, pass.rows, end)});
}

// The layer that made layer i's input ends with a relu, and both know how to leave that to i.
bool Stack::gives_relu_gradient(std::size_t i, LayerRange range) const {
    std::size_t below = i - 1;
    while (leaves_out(below, range)) --below;
    return layers_[i]->passes_relu() && layers_[below]->passes_relu() &&
           layers_[below]->activation() == simd::Activation::relu;
}

void Stack::backward(const layers::Pass& pass, std::byte* workspace, const float* x, const float* y,
                     float* dy, float* dx, bool skip_last_activation, LayerRange range) {
    const std::size_t end = std::min(range.last, layers_.size());
    if (range.first >= end) {
        if (dx) std::memcpy(dx, dy, pass.rows * values(end) * sizeof(float));
        return;
    }
    std::size_t lowest = dx ? range.first : std::max(range.first, first_trained_);
    while (lowest + 1 < end && leaves_out(lowest, range)) ++lowest;
    std::vector<ranks::Piece> pieces;  // of the traces, that every rank needs whole
    std::byte* at = workspace + layout(pass.rows, true, range).bytes;
    bool relu_passed = false;
    for (std::size_t i = end; i-- > lowest;) {
        if (leaves_out(i, range)) continue;
        layers::Trace trace;
        const bool last = i + 1 == end;
        trace.pass = pass_of(pass, i, last && skip_last_activation);
        if (i < first_trained_) freeze(trace.pass);
        const std::size_t out = last ? 0 : whole_lines(pass.rows * values(i + 1) * sizeof(float));
        at -= 2 * out;
        float* const own_y = last ? nullptr : reinterpret_cast<float*>(at);
        float* const own_dy = last ? dy : reinterpret_cast<float*>(at + out);
        at -= own_bytes(i, pass.rows, true);
        trace.pass.workspace = at;
        const std::size_t in =
            i > range.first ? whole_lines(pass.rows * values(i) * sizeof(float)) : 0;
        trace.x = i > range.first ? reinterpret_cast<const float*>(at - 2 * in) : x;
        float* const down = i == range.first ? dx
                            : i > lowest     ? reinterpret_cast<float*>(at - in)
                                             : nullptr;
        trace.y = last ? y : own_y;
        trace.dz = own_dy;
        trace.pass.relu_passed = relu_passed;
        trace.pass.relu_below = relu_passed = i > lowest && gives_relu_gradient(i, range);
        if (ranks_ != nullptr)
            backward_over_ranks(trace, i, {i == range.first, last}, own_dy, down, pieces);
        else
            layers_[i]->backward(trace.pass, trace.x, trace.y, own_dy, down);
        if (i >= first_trained_) traces_[i].push_back(trace);
    }
    if (ranks_ == nullptr) return;
    if (dx != nullptr && apart(lowest)) pieces.push_back(rows_of(dx, pass.rows, lowest));
    gather(pieces);
    for (std::size_t i = std::max(lowest, first_trained_); i < end; ++i)
        if (apart(i) && !leaves_out(i, range)) layers_[i]->complete(traces_[i].back());
}

std::string Stack::first_not_finite(std::string_view part, const layers::Pass& pass,
                                    const std::byte* workspace, const float* y,
                                    LayerRange range) const {
    const auto is_finite = simd::kernels().all_finite;
    const std::size_t end = std::min(range.last, layers_.size());
    for (std::size_t i = range.first; i < end; ++i) {
        if (leaves_out(i, range)) continue;
        const std::string name = std::string(part) + "." + std::to_string(i);
        for (layers::Parameter* parameter : layers_[i]->parameters())
            if (!is_finite(parameter->data(), parameter->stored()))
                return "the " + parameter->name() + " of " + name + " (" + layers_[i]->describe() +
                       ") is not finite";
        const std::size_t count = pass.rows * values(i + 1);
        workspace += own_bytes(i, pass.rows, true);
        const float* out = i + 1 == end ? y : reinterpret_cast<const float*>(workspace);
        if (out != nullptr && !is_finite(out, count))
            return "what " + name + " (" + layers_[i]->describe() + ") gives is not finite";
        workspace += 2 * whole_lines(count * sizeof(float));
    }
    return {};
}

void Stack::prepare_update() {
    for (std::size_t i = 0; i < layers_.size(); ++i) layers_[i]->prepare_update(traces_[i]);
}

void Stack::plan_update(std::vector<UpdatePart>& parts) {
    for (std::size_t i = first_trained_; i < layers_.size(); ++i)
        parts.push_back({layers_[i].get(), traces_[i], layers_[i]->plan_update(traces_[i])});
}

void Stack::find_trained() {
    first_trained_ = 0;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const std::vector<layers::Parameter*> own = layers_[i]->parameters();
        if (std::any_of(own.begin(), own.end(),
                        [](const auto* p) { return p->trained && !p->frozen; }))
            return;
        if (!own.empty()) first_trained_ = i + 1;
    }
}

void Stack::forget() {
    for (auto& traces : traces_) traces.clear();
}

std::vector<layers::Parameter*> Stack::parameters() const {
    std::vector<layers::Parameter*> out;
    for (const auto& layer : layers_)
        for (layers::Parameter* parameter : layer->parameters()) out.push_back(parameter);
    return out;
}

std::vector<std::string> Stack::parameter_names(std::string_view prefix) const {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < layers_.size(); ++i)
        for (const layers::Parameter* parameter : layers_[i]->parameters())
            out.push_back(std::string(prefix) + "." + std::to_string(i) + "." + parameter->name());
    return out;
}

std::string Stack::describe() const {
    std::string text;
    for (const auto& layer : layers_) text += (text.empty() ? "" : " -> ") + layer->describe();
    return text;
}

}  // namespace narrows::model
