// Convolution and its adjoint over channels-last images and signals: y = act(W * x + b).
// One rule: both are one Windows and one weight [kernel_rows, kernel_columns, big_channels /
// groups, small_channels] seen as a matrix [K, N]; `conv` goes from the big to the small side, a
// transposed convolution from the small to the big one, so each is the exact adjoint of the other
// with the same weight, and a decoder's layer can borrow its encoder's (share_weight, tie).
//
// How it is computed, always through the fixed-order product kernels:
// - gather (conv forward, transposed backward) and spread (the adjoint) by cells (cells.hpp), where
//   channels fill vectors: no patches, every output one chain, read in place. Tasks own whole
//   samples.
// - gather otherwise: patches [positions, K] times W. Positions of all samples form one long list;
//   a task takes a run of it and reads patches block by block into its scratch, so that a block
//   stays in its core's cache between reading and multiplying.
// - spread otherwise: small [positions, N] times W^T gives patches, added to the big side in
//   increasing position. Tasks own whole samples: the order of additions never depends on the cut.
// - weight gradient: sum over samples and positions of patch x small, one chain per weight. With 8
//   and more channels a group the kernels read the big side in place: for one tap the channels of
//   neighbouring windows lie at a constant stride, and windows that would meet padding are left
//   out of the chain. With fewer channels a tap is too thin for that; then K is small too, and the
//   patches of the whole batch (at most 256 floats a position) are kept from the gather. Nothing
//   else is kept: memory does not grow by the number of taps.
//
// Scratch: a task needs one block of patches. Which task does what never changes a result, so the
// cut may follow loop->threads(); the number of tasks, and so of scratch blocks, is at most
// max_tasks. Few tasks per thread, so that a thread's scratch stays in its cache.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/layers/cells.hpp"
#include "pipeline/layers/layer.hpp"
#include "pipeline/layers/windows.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC Convolution : public Layer {
public:
    static constexpr std::size_t max_tasks = 64;

    ~Convolution() override;
    Shape configure(const Shape& input) override;
    std::vector<Parameter*> parameters() override;
    void initialise(RandomKey key) override;
    std::size_t workspace_bytes(std::size_t max_rows, bool training) const override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    void prepare_update(std::span<const Trace> traces) override { traces_ = traces; }
    std::size_t plan_update(std::span<const Trace> traces) override;
    void update_task(std::size_t task, std::span<const Trace> traces,
                     const UpdateRule& rule) override;
    std::optional<simd::Activation> activation() const override { return act_; }
    // share_weight() with a layer of the other direction: what conv_transposed computes with a
    // conv's weight is its transpose. Throws Error with both shapes, or for two of one direction.
    bool tie(Layer& other) override;
    std::optional<LayerSpec> mirror(const Shape& input) const override;
    std::string describe() const override;
    bool samples_apart() const override { return true; }
    bool passes_relu() const override { return true; }
    void complete(const Trace& trace) override;
    bool update_part(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule,
                     const ranks::Ranks& ranks, std::vector<ranks::Piece>& pieces) override;
    void parts_arrived(const Loop& loop) override;
    void add_states(const ranks::Ranks& ranks, std::vector<ranks::Piece>& pieces) override;

    const Windows& windows() const { return windows_; }
    // From now on this layer computes with the weight of `other` (its adjoint, or its like), which
    // must outlive it; the weight is then no longer among parameters(), nor changed by update():
    // the owner's update() adds the gradient over the traces that prepare_update() gave this layer
    // to its own, each weight one chain, the owner's terms first. One borrower for an owner.
    // Throws Error with both shapes when they differ. Call after configure() of both.
    void share_weight(Convolution& other);

protected:
    enum class Rank : std::uint8_t { signal = 1, image = 2 };
    enum class Direction : std::uint8_t { down, up };
    Convolution(Rank rank, Direction direction) : rank_(rank), direction_(direction) {}

    static void describe_settings(Schema& schema, Direction direction);

    std::int64_t units_ = 1, groups_ = 1;
    std::vector<double> kernel_, stride_, padding_, dilation_, output_padding_;
    std::string act_name_ = "linear", init_ = "auto";
    double alpha_ = 0;
    bool bias_used_ = true, squeeze_ = false;

private:
    struct Part {                 // where things lie in a pass's workspace, in floats
        std::size_t before = 0;   // z, for activations that need it: [rows, out]
        std::size_t kept = 0;     // patches of the batch: [rows * positions, K]
        std::size_t scratch = 0;  // max_tasks blocks
        std::size_t end = 0;
    };
    struct Target {             // where a product's results go, and what is done to them
        float* data = nullptr;  // the whole batch
        const float* bias = nullptr;
        simd::Activation activation = simd::Activation::linear;
        float* before = nullptr;             // z, if wanted
        const float* relu_output = nullptr;  // as in simd::Product; not for patches added up
    };
    // Offsets; a part that is not needed is empty (it begins where the next one does).
    Part parts(std::size_t rows, bool training) const;
    std::size_t scratch_size() const;  // floats of one task
    std::size_t tasks_for(std::size_t units, const Loop& loop) const;
    Axis down_axis(std::size_t axis, std::int64_t extent) const;
    Axis up_axis(std::size_t axis, std::int64_t extent) const;

    void gather(const Target& target, const float* big, std::size_t first, std::size_t last,
                float* kept, float* scratch) const;
    void multiply(const Target& target, const float* patches, std::size_t group, std::size_t first,
                  std::size_t count, float* scratch) const;
    void spread(const Target& target, const float* small, std::size_t first_sample,
                std::size_t last_sample, float* scratch) const;
    void finish(const Target& target, std::size_t sample) const;
    void input_gradient(const Target& target, const float* dy, std::size_t first, std::size_t last,
                        float* kept, float* scratch) const;
    simd::Product product_for(const Target& target) const;  // of the whole batch
    void gather_samples(const Target& target, const float* big, std::size_t first,
                        std::size_t last) const;
    void spread_samples(const Target& target, const float* small, std::size_t first,
                        std::size_t last) const;
    void gather_depthwise(const Target& target, const float* big, std::size_t sample) const;
    void spread_depthwise(const Target& target, const float* small, std::size_t sample) const;
    template <class Big, class Small, class Body>
    void each_depthwise(Big* big, Small* small, Body body) const;

    struct Tile {  // rows of one panel of the weight
        std::size_t panel, first, count;
        std::size_t tap, channel;  // of the first row; with kept patches: 0 and the row
    };
    void plan_tiles();
    void weight_tile(const Tile& tile, float* values) const;
    // Adds this layer's terms to `values`.
    void depthwise_tile(const Tile& tile, std::span<const Trace> traces, float* values) const;
    // Appends the terms for one tap (row-major) and group, one a trace; with kept patches tap 0
    // has them all.
    void collect_terms(std::span<const Trace> traces, std::size_t tap, std::size_t group,
                       std::vector<simd::OuterTerm>& terms) const;
    void update_tile(const Tile& tile, std::span<const Trace> traces, const UpdateRule& rule);
    void transpose(const Tile& tile);
    bool updates_weight() const { return own_weight_ && !own_weight_->frozen; }
    std::size_t plan_tasks(std::span<const Trace> traces, ranks::Rows tiles);
    std::vector<std::size_t> tile_bounds(const ranks::Ranks& ranks) const;
    void update_bias(std::span<const Trace> traces, const UpdateRule& rule);

    bool up() const { return direction_ == Direction::up; }
    std::size_t depth() const { return windows_.depth(); }                             // K
    std::size_t columns() const { return static_cast<std::size_t>(small_channels_); }  // N
    std::size_t out_size() const;
    std::size_t out_channels() const;
    simd::Activation act_in_use(const Pass& pass) const;

    Rank rank_;
    Direction direction_;
    std::optional<simd::Activation> act_;
    Shape input_, output_;
    Windows windows_;
    std::int64_t small_channels_ = 1;
    bool keeps_ = false;      // patches are kept for the weight gradient
    bool depthwise_ = false;  // one channel a group on both sides: plain loops over channels
    std::size_t block_ = 0;   // positions of a scratch block
    std::vector<Cell> gathers_, spreads_;  // empty: by patches
    std::unique_ptr<Parameter> own_weight_, bias_;
    Parameter* weight_ = nullptr;
    Convolution* owner_ = nullptr;    // of the weight, when shared
    Convolution* partner_ = nullptr;  // who borrows it
    std::span<const Trace> traces_;   // of the step, for the owner
    std::vector<Tile> tiles_;
    ranks::Rows own_tiles_;                            // of this update
    std::vector<std::vector<simd::OuterTerm>> terms_;  // per tap and group; grows once
    std::vector<float> bias_sums_;
};

}  // namespace narrows::layers
