// A stack over ranks. Layers whose samples do not meet compute the rows of their rank; the others,
// as batch normalisation, compute everything everywhere. What such a layer, the node or the update
// needs whole is gathered: the update then meets the same numbers in the same order on every rank.
#include "pipeline/model/autoencoder.hpp"

namespace narrows::model {

bool Stack::apart(std::size_t i) const {
    return layers_[i]->samples_apart();
}

void Stack::gather(const std::vector<ranks::Piece>& pieces) const {
    if (!pieces.empty()) ranks_->gather(pieces);
}

// A batch's values before layer `boundary`.
ranks::Piece Stack::rows_of(float* data, std::size_t rows, std::size_t boundary) const {
    return {data, values(boundary), ranks_->bounds(rows)};
}

// The pass of this rank's rows. Their part of the workspace is laid out for so many rows.
layers::Pass Stack::own_pass(const layers::Pass& pass, ranks::Rows rows) {
    layers::Pass own = pass;
    own.rows = rows.count();
    if (!pass.sample_ids.empty())
        own.sample_ids = pass.sample_ids.subspan(rows.first, rows.count());
    return own;
}

void Stack::forward_over_ranks(const layers::Pass& pass, std::size_t i, bool lowest, const float* x,
                               float* y) const {
    if (!apart(i)) {
        // Written by the layer before: memory of this stack.
        if (!lowest && apart(i - 1))
            gather(std::vector{rows_of(const_cast<float*>(x), pass.rows, i)});
        layers_[i]->forward(pass, x, y);
        return;
    }
    const ranks::Rows rows = ranks_->own(pass.rows);
    if (rows.count() == 0) return;
    layers_[i]->forward(own_pass(pass, rows), x + rows.first * values(i),
                        y + rows.first * values(i + 1));
}

// dy is whole at the top; below it is what the layer above left in dx. Adds to `pieces` what of
// this trace is not whole.
void Stack::backward_over_ranks(const layers::Trace& trace, std::size_t i, Ends ends, float* dy,
                                float* dx, std::vector<ranks::Piece>& pieces) {
    const std::size_t all = trace.pass.rows;
    if (!apart(i)) {
        if (!ends.top && apart(i + 1)) gather(std::vector{rows_of(dy, all, i + 1)});
        layers_[i]->backward(trace.pass, trace.x, trace.y, dy, dx);
        return;
    }
    const ranks::Rows rows = ranks_->own(all);
    const std::size_t in = values(i), out = values(i + 1);
    if (rows.count() > 0)
        layers_[i]->backward(own_pass(trace.pass, rows), trace.x + rows.first * in,
                             trace.y + rows.first * out, dy + rows.first * out,
                             dx == nullptr ? nullptr : dx + rows.first * in);
    if (i < first_trained_ || !layers_[i]->reads_traces()) return;
    pieces.push_back(rows_of(dy, all, i + 1));
    if (!ends.bottom && apart(i - 1))
        pieces.push_back(rows_of(const_cast<float*>(trace.x), all, i));
}

// Each rank its part of the weights, then everybody all of them.
void Stack::update_over_ranks(const Loop& loop, const layers::UpdateRule& rule) {
    std::vector<ranks::Piece> pieces;
    for (std::size_t i = first_trained_; i < layers_.size(); ++i)
        if (!layers_[i]->update_part(loop, traces_[i], rule, *ranks_, pieces))
            layers_[i]->update_layer(loop, traces_[i], rule);
    gather(pieces);
    for (std::size_t i = first_trained_; i < layers_.size(); ++i) layers_[i]->parts_arrived(loop);
}

void Stack::gather_states() {
    if (ranks_ == nullptr) return;
    std::vector<ranks::Piece> pieces;
    for (const auto& layer : layers_) layer->add_states(*ranks_, pieces);
    gather(pieces);
}

}  // namespace narrows::model
