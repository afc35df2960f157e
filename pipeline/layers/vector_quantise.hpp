// vector_quantise: a code becomes the nearest entries of a codebook (van den Oord et al. 2017).
// x [rows, n * d] is read as n vectors of d values; y holds, in the place of each, the entry e_k
// with the least |x - e_k|^2, of equals the lowest k. Backwards the gradient goes straight through:
// dx = dy. The codebook learns once a step, whatever the loss:
//   moving_average  N_k = g N_k + (1 - g) n_k, m_k = g m_k + (1 - g) sum of the x nearest to k,
//                   e_k = m_k / M_k, M_k = (N_k + s) / (N + K s) N, N the sum of all N_k
//                   (ibid., appendix A.1; s is Laplace smoothing, so that no M_k is 0)
//   gradient        of 1/samples sum |x - e_k|^2 by e_k, through the optimiser
// An entry whose moving count N_k falls below `restart` of the even share n * samples / K moves to
// a vector of the batch that is drawn by seed, epoch, sample and k, with that least count: it moves
// on in the next step unless it is used (random restarts, Dhariwal et al. 2020, section 3.1). No
// entry has counts before the first step: all are drawn from the first batch. Pulling x to its
// entry (the commitment loss) is the node `quantise`'s.
#pragma once

#include <memory>

#include "pipeline/layers/layer.hpp"

namespace narrows::layers {

class NARROWS_PUBLIC VectorQuantise final : public Layer {
public:
    ~VectorQuantise() override;
    static void describe(Schema& schema);

    Shape configure(const Shape& input) override;
    std::vector<Parameter*> parameters() override;
    void initialise(RandomKey key) override;
    std::size_t workspace_bytes(std::size_t max_rows, bool training) const override;
    void forward(const Pass& pass, const float* x, float* y) override;
    void backward(const Pass& pass, const float* x, const float* y, float* dy, float* dx) override;
    void prepare_update(std::span<const Trace> traces) override;
    void update(const Loop& loop, std::span<const Trace> traces, const UpdateRule& rule) override;
    std::optional<LayerSpec> mirror(const Shape&) const override { return LayerSpec{}; }
    std::string describe() const override;

    std::size_t entries() const { return static_cast<std::size_t>(entries_); }  // K
    std::size_t size() const { return size_; }                                  // d
    std::size_t positions() const { return positions_; }                        // n, of a sample
    bool by_gradient() const { return learning_ == "gradient"; }
    // Which entry each vector became, [rows, n]: the first thing in a pass's workspace.
    static const std::int32_t* indices(const std::byte* workspace) {
        return reinterpret_cast<const std::int32_t*>(workspace);
    }

private:
    std::int32_t nearest(const float* x, float* distances) const;
    void take_batch(std::span<const Trace> traces);  // counts and sums of a step
    void average();
    bool move_unused(std::span<const Trace> traces);

    std::int64_t entries_ = 512, size_set_ = 0;
    std::string learning_ = "moving_average";
    double decay_ = 0.99, smoothing_ = 1e-5, restart_ = 0.1;
    std::size_t size_ = 0, positions_ = 0;
    RandomKey key_;
    std::unique_ptr<Parameter> codebook_, counts_, sums_;  // [K, d], [K], [K, d]
    std::vector<double> batch_counts_, batch_sums_;        // of the step
    std::vector<float> values_, gradient_;                 // codebook [K, d]; in panels
};

}  // namespace narrows::layers
