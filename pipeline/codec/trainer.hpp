// Stacks of layers in floats - dense, or convolutions as products of patches - and their training
// by Adam over drawn rows, in fixed shards. One rule: the same weights for any thread count and
// kernel level. Private to the room.
#pragma once

#include <array>

#include "pipeline/codec/spread.hpp"
#include "pipeline/simd/kernels.hpp"

namespace narrows::codec {

std::uint64_t mixed(std::uint64_t x);  // the finaliser of splitmix64
// Below `most`, by draw number.
std::size_t drawn(std::uint64_t number, std::uint64_t most);

struct FloatLayer {
    Spread spread;
    std::size_t inputs, outputs;  // of a place
    bool relu;
    bool frozen = false;                                   // keeps its weights
    float most = 4;                                        // of a weight
    std::vector<float> weight, first, second, transposed;  // in panels
    std::vector<float> bias, bias_first, bias_second;

    FloatLayer(const Spread& how, std::size_t out, bool clamped, std::uint64_t seed);
    std::size_t tiles() const;
    std::vector<float> plain() const;  // [inputs, outputs]
    // [inputs, outputs] and [outputs]
    void set(const std::vector<float>& weights, const std::vector<float>& biases);
};
using FloatStack = std::vector<FloatLayer>;

// What stands before a layer, as its inputs; `out` is used where that is not the same memory.
const float* spread_rows(const FloatLayer& layer, const float* before, std::size_t samples,
                         std::vector<float>& out);
// [samples, places out, outputs]
void run_float(const FloatLayer& layer, const float* inputs, std::size_t samples, float* out);

// What a training is of. Called for shards side by side.
class Lesson {
public:
    virtual ~Lesson() = default;
    // Drawn samples as the first layer's inputs before they are spread.
    virtual void gather(std::size_t step, std::size_t shard, float* input) = 0;
    // After layer l: may change what it gave; and what its gradient is.
    virtual void forward(std::size_t, std::size_t, std::size_t, float*) {}
    virtual void backward(std::size_t, std::size_t, const float*, float*) {}
    // d(loss) / d(outputs) over the batch.
    virtual void gradient(std::size_t step, std::size_t shard, const float* out,
                          float* gradient) = 0;
    virtual void stepped(std::size_t) {}  // serial, between steps
};

class Trainer {
public:
    static constexpr std::size_t shards = 8;
    Trainer(FloatStack& stack, std::size_t samples_of_shard, const Loop& loop);
    void train(Lesson& lesson, std::size_t steps);
    std::size_t batch() const { return shards * samples_; }

private:
    struct Memory {
        std::vector<float> input;                                       // before the first layer
        std::vector<std::vector<float>> patches, activation, gradient;  // of layers
        std::vector<float> patch_gradient;
        std::vector<const float*> inputs;  // of layers, as spread
    };
    void run_shard(Lesson& lesson, std::size_t step, std::size_t number);
    void back(std::size_t l, Memory& shard);
    void update(std::size_t step, std::size_t steps);
    void update_tile(const simd::AdamStep& rule, std::size_t l, std::size_t tile);
    std::size_t rows(std::size_t l) const { return samples_ * stack_[l].spread.places(); }

    FloatStack& stack_;
    std::size_t samples_;
    const Loop& loop_;
    std::array<Memory, shards> memory_;
    std::vector<std::size_t> first_tile_{0};
    double power1_ = 1, power2_ = 1;
};

}  // namespace narrows::codec
